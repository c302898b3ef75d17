package mailtest

import (
	"embed"
	"html/template"
	"net/http"
	"slices"
	"strings"
)

//go:embed pages/*.html
var pageFiles embed.FS

var pages = template.Must(template.New("").Funcs(template.FuncMap{
	"mailbox": func(name, address string) any { return struct{ Name, Address string }{name, address} },
}).ParseFS(pageFiles, "pages/*.html"))

// maxListed bounds the page of a catcher that a benchmark has filled; the JSON
// has them all.
const maxListed = 200

// pagePolicy lets a page use its own inline style and script and frame the
// mail; nothing comes from elsewhere.
const pagePolicy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// mailPolicy is for the mail itself, which is foreign text: no script, no
// image that would tell a sender that it was read. Links open a new tab.
const mailPolicy = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"

func (c *Catcher) listPage(w http.ResponseWriter, _ *http.Request) {
	listed := c.store.all()
	total := len(listed)
	listed = listed[max(0, total-maxListed):]
	slices.Reverse(listed)
	c.render(w, "list.html", map[string]any{"Messages": listed, "Total": total, "Hidden": total - len(listed)})
}

func (c *Catcher) messagePage(w http.ResponseWriter, r *http.Request) {
	m, ok := c.store.get(r.PathValue("id"))
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		c.render(w, "gone.html", nil)
		return
	}
	c.render(w, "message.html", m)
}

// messageHTML serves the mail for the frame. Its links get a target, because
// a link that opened in the frame would leave the reader in a sandbox.
func (c *Catcher) messageHTML(w http.ResponseWriter, r *http.Request) {
	m, ok := c.store.get(r.PathValue("id"))
	if !ok || m.HTML == "" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Security-Policy", mailPolicy)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	const target = `<base target="_blank">`
	body := strings.Replace(m.HTML, "<head>", "<head>"+target, 1)
	if body == m.HTML {
		body = target + body
	}
	_, _ = w.Write([]byte(body))
}

func (c *Catcher) render(w http.ResponseWriter, page string, data any) {
	w.Header().Set("Content-Security-Policy", pagePolicy)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	// The templates are parsed at start and tested; what remains is a reader
	// that went away.
	_ = pages.ExecuteTemplate(w, page, data)
}
