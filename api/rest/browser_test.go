package rest_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// browser is a real one, headless; without any on the machine the test is
// skipped.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome", "headless-shell"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("needs Chromium: apt-get install chromium")
	}
	ctx, stop := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()), chromedp.WSURLReadTimeout(2*time.Minute))...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate("about:blank"))) // the first call owns the browser
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// shoot keeps a picture of the page among the test's artifacts (go test
// -artifacts).
func shoot(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	keep(ctx, t, name, chromedp.FullScreenshot(100))
}

func keep(ctx context.Context, t *testing.T, name string, picture chromedp.Action[[]byte]) {
	t.Helper()
	png, err := chromedp.Run(ctx, picture)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(t.ArtifactDir(), name+".png"), png, 0o600))
}

// dark asks the page for the colours of a dark screen, or of a light one.
func dark(ctx context.Context, t *testing.T, wanted string) {
	t.Helper()
	_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: wanted}},
	})
	require.NoError(t, err)
}

// TestPagesInABrowser: what a person does with the link, in light and dark, on
// a desk and on a phone; and the browser complains of nothing, its content
// security policy least.
func TestPagesInABrowser(t *testing.T) {
	t.Parallel()
	ctx := browser(t)
	b := setup(t)
	users := b.invite(t, "مستشفى St. Mary's “Hôpital” 🏥")
	said := &complaints{}
	require.NoError(t, chromedp.Listen(ctx, said.note))
	_, err := chromedp.Call(ctx, log.Enable, cdp.Empty{})
	require.NoError(t, err)
	do := func(steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		require.NoError(t, chromedp.Do(ctx, steps...))
	}
	do(chromedp.EmulateViewport(1100, 900), chromedp.Navigate(b.url+"/invitations/"+linkToken))
	shoot(ctx, t, "form")
	dark(ctx, t, "dark")
	do(chromedp.EmulateViewport(360, 740))
	shoot(ctx, t, "form-phone-dark")
	width, err := chromedp.Run(ctx, chromedp.Evaluate[int]("document.documentElement.scrollWidth"))
	require.NoError(t, err)
	require.Equal(t, 360, width, "nothing is wider than a phone")

	password, repeat, button := chromedp.CSS("#password"), chromedp.CSS("#repeat"), chromedp.CSS("button")
	do(chromedp.SendKeys(password, "plum tractor"), chromedp.SendKeys(repeat, "plum"), chromedp.Click(button), chromedp.WaitVisible(chromedp.CSS("[role=alert]")))
	shoot(ctx, t, "form-again")
	require.Empty(t, b.passwordHash(t, users))

	do(chromedp.SendKeys(password, goodPassword), chromedp.SendKeys(repeat, goodPassword), chromedp.Click(button), chromedp.WaitVisible(chromedp.CSS(".button")))
	title, err := chromedp.Run(ctx, chromedp.Title())
	require.NoError(t, err)
	require.Equal(t, "Your password is set", title)
	require.NotEmpty(t, b.passwordHash(t, users))
	shoot(ctx, t, "done")

	for name, path := range map[string]string{"used": "/invitations/" + linkToken, "unknown": "/invitations/unknownunknownunknown"} {
		do(chromedp.Navigate(b.url + path))
		shoot(ctx, t, name)
	}
	require.Empty(t, said.all())
}

// complaints are what the browser logs about pages; a status that is meant is
// none.
type complaints struct {
	mu    sync.Mutex
	texts []string
}

func (c *complaints) note(event any) {
	e, ok := event.(*log.EventEntryAdded)
	if !ok || e.Entry.Source == log.EntrySourceNetwork {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.texts = append(c.texts, e.Entry.Text)
}

func (c *complaints) all() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.texts
}
