package mailtest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/mail/mailtest"
)

// browse opens a page of a browser of its own, or skips where there is none.
func browse(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("no Chromium on this machine")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	// In a container Chromium's own sandbox cannot start.
	allocated, cancel := chromedp.NewExecAllocator(ctx, append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.WSURLReadTimeout(2*time.Minute))...)
	t.Cleanup(cancel)
	page, cancel := chromedp.NewContext(allocated)
	t.Cleanup(cancel)
	return page
}

func run[T any](page context.Context, t *testing.T, action chromedp.Action[T]) T {
	t.Helper()
	result, err := chromedp.Run(page, action)
	require.NoError(t, err)
	return result
}

func TestBrowserFollowsALinkOutOfTheMail(t *testing.T) {
	t.Parallel()
	page := browse(t)
	b := setup(t, mailtest.CatcherConfig{})
	var spied atomic.Int64
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/spy") {
			spied.Add(1)
		}
		w.WriteHeader(http.StatusOK)
	}))
	t.Cleanup(site.Close)

	run(page, t, chromedp.Navigate(b.URL))
	run(page, t, chromedp.WaitVisible(chromedp.CSS(".empty")))
	b.do("POST", "/v3/mail/send", mailtest.APIKey, mailDocument(func(d object) {
		d["content"] = []object{{"type": "text/html", "value": `<html><head></head><body style="margin:0">
			<script>location = "` + site.URL + `/spy/script"</script><img src="` + site.URL + `/spy/pixel">
			<a href="` + site.URL + `/invitation" style="display:block;height:400px">Choose your password</a></body></html>`}}
	}))
	run(page, t, chromedp.WaitVisible(chromedp.CSS("ol li a"))) // the list looks for new mail by itself
	run(page, t, chromedp.Click(chromedp.CSS("ol li a")))
	run(page, t, chromedp.WaitVisible(chromedp.CSS("iframe")))

	opened := chromedp.WaitNewTarget(page, func(info *target.Info) bool { return info.URL == site.URL+"/invitation" })
	at := run(page, t, chromedp.Evaluate[[]float64](
		`(() => { const r = document.querySelector("iframe").getBoundingClientRect(); return [r.left + 50, r.top + 50] })()`))
	// The frame loads after the page: click until it answers.
	require.Eventually(t, func() bool {
		run(page, t, chromedp.MouseClickXY(at[0], at[1]))
		select {
		case <-opened:
			return true
		default:
			return false
		}
	}, 2*time.Minute, 100*time.Millisecond)
	require.Zero(t, spied.Load(), "a mail runs no script and loads no picture")
}
