package rest_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// docsPage is /docs in a browser that writes down what it is asked to load, and
// what it complains of.
type docsPage struct {
	*testBundle
	t     *testing.T
	ctx   context.Context
	said  *complaints
	asked *requests
}

// requests are the addresses that a page has asked for.
type requests struct {
	mu   sync.Mutex
	urls []string
}

func (r *requests) note(event any) {
	if e, ok := event.(*network.EventRequestWillBeSent); ok {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.urls = append(r.urls, e.Request.URL)
	}
}

func (r *requests) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.urls)
}

func openDocs(t *testing.T) *docsPage {
	t.Helper()
	p := &docsPage{testBundle: setup(t), t: t, ctx: browser(t), said: &complaints{}, asked: &requests{}}
	require.NoError(t, chromedp.Listen(p.ctx, p.said.note))
	require.NoError(t, chromedp.Listen(p.ctx, p.asked.note))
	_, err := chromedp.Call(p.ctx, log.Enable, cdp.Empty{})
	require.NoError(t, err)
	_, err = chromedp.Call(p.ctx, network.Enable, network.EnableParams{})
	require.NoError(t, err)
	return p
}

// askedNobodyElse looks at the whole test: no other host, and no complaint.
func (p *docsPage) askedNobodyElse() {
	require.Empty(p.t, p.said.all())
	require.NotEmpty(p.t, p.asked.all())
	for _, url := range p.asked.all() {
		require.True(p.t, strings.HasPrefix(url, p.url+"/") || strings.HasPrefix(url, "data:") || url == "about:blank", url)
	}
}

func (p *docsPage) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	require.NoError(p.t, chromedp.Do(p.ctx, steps...))
}

// until waits for what a script finds in the page. It asks again where the page
// has just changed under it.
func (p *docsPage) until(script string) {
	p.t.Helper()
	var found bool
	var err error
	require.Eventually(p.t, func() bool {
		found, err = chromedp.Run(p.ctx, chromedp.Evaluate[bool]("!!("+script+")"))
		return err == nil && found
	}, 2*time.Minute, 100*time.Millisecond, script)
	require.NoError(p.t, err)
}

// load reloads the page at a fragment.
func (p *docsPage) load(fragment string) {
	p.t.Helper()
	p.do(chromedp.Navigate("about:blank"), chromedp.Navigate(p.url+"/docs"+fragment))
	p.until(`document.querySelector(".markdown pre code") && document.querySelector("input[placeholder=Token]")`)
}

// TestDocsInABrowser is what people do with the page, one after the other in one
// browser, which has much to do with it.
func TestDocsInABrowser(t *testing.T) {
	t.Parallel()
	p := openDocs(t)
	for _, part := range []struct {
		name  string
		check func(*docsPage, *testing.T)
	}{
		{"on a phone and a desk, light and dark", (*docsPage).fits},
		{"search", (*docsPage).isSearched},
		{"problems", (*docsPage).explainsProblems},
		{"try it out", (*docsPage).sends},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.check(p, t) }) {
			return
		}
	}
	p.askedNobodyElse()
}

func (p *docsPage) fits(t *testing.T) {
	printed := quickStart(t, document(t, p.server).Info.Description)
	for _, scheme := range []string{"dark", "light"} {
		dark(p.ctx, t, scheme)
		p.load("")
		p.until(`document.body.classList.contains("` + scheme + `-mode")`)
		for _, screen := range []struct {
			name          string
			width, height int64
		}{{"phone", 360, 740}, {"desk", 1280, 900}} {
			p.do(chromedp.EmulateViewport(screen.width, screen.height))
			p.until(`innerWidth === ` + strconv.FormatInt(screen.width, 10) + ` && scrollY === 0`)
			keep(p.ctx, t, "docs-"+screen.name+"-"+scheme, chromedp.CaptureScreenshot())
			width, err := chromedp.Run(p.ctx, chromedp.Evaluate[int64]("document.documentElement.scrollWidth"))
			require.NoError(t, err)
			require.Equal(t, screen.width, width, "nothing is wider than the screen")
			p.until(`(code => code.scrollWidth <= code.clientWidth)(document.querySelector(".markdown pre code"))`)
			shown, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](`document.querySelector(".markdown pre code").innerText`))
			require.NoError(t, err)
			require.Equal(t, printed, shown, "it is copied as it is in the document")
		}
	}
}

func (p *docsPage) isSearched(t *testing.T) {
	p.do(chromedp.Click(chromedp.CSS("button.bg-sidebar-b-search")), chromedp.WaitVisible(chromedp.CSS("input[type=search]")),
		chromedp.SendKeys(chromedp.CSS("input[type=search]"), "legal hold"))
	p.until(`[...document.querySelectorAll("[role=option]")].some(o => o.innerText.includes("Lift a legal hold"))`)
	keep(p.ctx, t, "docs-search", chromedp.CaptureScreenshot())
}

// explainsProblems where the page is opened with the type of a problem, and where
// it is open already.
func (p *docsPage) explainsProblems(t *testing.T) {
	inSight := func(heading string) string {
		return `[...document.querySelectorAll(".markdown h3")].some(h => h.innerText === "` + heading +
			`" && h.getBoundingClientRect().top >= 0 && h.getBoundingClientRect().bottom < innerHeight)`
	}
	p.load("#name-taken")
	p.until(inSight("name-taken"))
	keep(p.ctx, t, "docs-problem", chromedp.CaptureScreenshot())
	p.do(chromedp.Navigate(p.url + "/docs#unavailable"))
	p.until(inSight("unavailable"))
}

// sends a request with a token that is typed in: to the origin of the page,
// although APP_URL is another, and without the examples of optional parameters.
func (p *docsPage) sends(t *testing.T) {
	p.create(t, "Hospital of the page")
	p.load("#tag/tenants/GET/v1/tenants")
	bearer := strings.TrimPrefix(viewer(t).Get("Authorization"), "Bearer ")
	p.do(chromedp.SendKeys(chromedp.CSS("input[placeholder=Token]"), bearer),
		chromedp.Click(chromedp.CSS("button.show-api-client-button[method=get]")),
		chromedp.Click(chromedp.CSS("[role=dialog] button[data-addressbar-action=send]"), chromedp.NodeVisible))
	p.until(`document.querySelector("[role=dialog]").innerText.includes("Hospital of the page")`)
	keep(p.ctx, t, "docs-try-out", chromedp.CaptureScreenshot())
	require.Contains(t, p.asked.all(), p.url+"/v1/tenants?limit=50")
	kept, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](`JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])`))
	require.NoError(t, err)
	require.NotContains(t, kept, bearer, "the page forgets the token")
}
