package statuspage

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html/template"
	"strings"
	"time"

	"tenant-provisioning/internal/tenant"
)

//go:embed page
var files embed.FS

// old is after how long what is shown is called old: some looks.
const old = time.Minute

// Documents are the three forms of the page.
type Documents struct{ HTML, JSON, Atom Document }

// Document is one of them, as it is sent.
type Document struct {
	Type string
	Body []byte
	// ETag changes with the body.
	ETag string
	// Policy is its Content-Security-Policy; empty where it needs none.
	Policy string
}

// Report is the page as JSON. Fields may be added.
type Report struct {
	// State is the worst of the components.
	State State `json:"state"`
	// Says is the same in a sentence.
	Says string `json:"says"`
	// AsOf is when all of this was seen; zero when nothing ever was.
	AsOf time.Time `json:"asOf,omitzero"`
	// Old tells that this is longer than a minute ago.
	Old        bool       `json:"old"`
	Components []Row      `json:"components" nullable:"false"`
	Incidents  []Incident `json:"incidents" nullable:"false"`
	Windows    []Window   `json:"maintenance" nullable:"false"`
}

// Row is a component with its history.
type Row struct {
	Component Component `json:"name"`
	Title     string    `json:"title"`
	State     State     `json:"state,omitempty"`
	Since     time.Time `json:"since,omitzero"`
	// Uptime is the part of the time that is known in which it was neither degraded nor away.
	Uptime float64 `json:"uptime"`
	Days   []Day   `json:"days" nullable:"false"`
}

// printer makes the documents.
type printer struct {
	url      string
	template *template.Template
	policy   string
}

func newPrinter(url string) (*printer, error) {
	css, err := files.ReadFile("page/status.css")
	if err != nil {
		return nil, fmt.Errorf("read the status page's style: %w", err)
	}
	t, err := template.New("status.html").Funcs(template.FuncMap{
		"style": func() template.CSS { return template.CSS(css) }, //nolint:gosec // the file is ours
		"iso":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"clock": func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") },
		"ago":   ago,
		"per":   percent,
		"times": func(n, by int) int { return n * by },
		"class": class,
		"word":  func(s State) string { return words[s] },
	}).ParseFS(files, "page/status.html")
	if err != nil {
		return nil, fmt.Errorf("parse the status page: %w", err)
	}
	sum := sha256.Sum256(css)
	return &printer{
		url: strings.TrimSuffix(url, "/") + "/status", template: t,
		policy: "default-src 'none'; img-src data:; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	}, nil
}

var words = map[State]string{
	Operational: "works", Maintenance: "maintenance", Degraded: "disturbed", Outage: "does not work", "": "not known",
}

// class is a state's in the style sheet.
func class(s State) string {
	if s == "" {
		return "unknown"
	}
	return string(s)
}

// says is how the components are, in a sentence.
func says(components []Row) string {
	var parts []string
	for _, of := range []struct {
		state State
		lead  string
	}{{Outage, "Not working: "}, {Degraded, "Disturbed: "}, {Maintenance, "Maintenance: "}} {
		var names []string
		for _, c := range components {
			if c.State == of.state {
				names = append(names, c.Title)
			}
		}
		if names != nil {
			parts = append(parts, of.lead+strings.Join(names, ", ")+".")
		}
	}
	if parts == nil {
		return "Everything works."
	}
	return strings.Join(parts, " ")
}

// report lays out what is known.
func (k known) report(now time.Time) Report {
	r := Report{AsOf: k.At, Old: now.Sub(k.At) > old, Incidents: k.Incidents, Windows: k.Windows, Components: []Row{}}
	if r.Incidents == nil {
		r.Incidents = []Incident{}
	}
	if r.Windows == nil {
		r.Windows = []Window{}
	}
	for _, c := range tenant.Components() {
		is, known := k.States[c]
		row := Row{Component: c, Title: c.Title(), State: is.State, Since: is.Since}
		row.Days, row.Uptime = days(k.Changes[c], now)
		r.Components = append(r.Components, row)
		if known {
			r.State = worst(r.State, is.State)
		}
	}
	r.Says = "Nothing is known yet."
	if len(k.States) > 0 {
		r.Says = says(r.Components)
	}
	return r
}

func (p *printer) documents(k known, now time.Time) (*Documents, error) {
	r := k.report(now)
	var page bytes.Buffer
	if err := p.template.Execute(&page, struct {
		Report
		Feed string
		Now  time.Time
	}{r, p.url + ".atom", now}); err != nil {
		return nil, err
	}
	asJSON, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	feed, err := p.feed(r, now)
	if err != nil {
		return nil, err
	}
	return &Documents{
		HTML: document("text/html; charset=utf-8", page.Bytes(), p.policy),
		JSON: document("application/json", asJSON, ""),
		Atom: document("application/atom+xml; charset=utf-8", feed, ""),
	}, nil
}

func document(mediaType string, body []byte, policy string) Document {
	sum := sha256.Sum256(body)
	return Document{Type: mediaType, Body: body, ETag: `"` + hex.EncodeToString(sum[:8]) + `"`, Policy: policy}
}

// percent is a part of a whole with two places, rounded down: 100 % is all of it.
func percent(part float64) string {
	return fmt.Sprintf("%.2f %%", float64(int(part*10_000))/100)
}

// ago says how old something is, for people.
func ago(now, then time.Time) string {
	d := now.Sub(then)
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d seconds ago", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}

// What follows is RFC 4287.
type (
	atomFeed struct {
		XMLName xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
		ID      string      `xml:"id"`
		Title   string      `xml:"title"`
		Updated string      `xml:"updated"`
		Author  string      `xml:"author>name"`
		Links   []atomLink  `xml:"link"`
		Entries []atomEntry `xml:"entry"`
	}
	atomLink struct {
		Rel  string `xml:"rel,attr"`
		Href string `xml:"href,attr"`
	}
	atomEntry struct {
		ID      string   `xml:"id"`
		Title   string   `xml:"title"`
		Updated string   `xml:"updated"`
		Link    atomLink `xml:"link"`
		Summary string   `xml:"summary"`
	}
)

// feed has an entry for each incident and each window.
func (p *printer) feed(r Report, now time.Time) ([]byte, error) {
	newest := r.AsOf
	if newest.IsZero() {
		newest = now
	}
	f := atomFeed{
		ID: p.url, Title: "Status of the tenants' platform", Author: "Tenants' platform",
		Links: []atomLink{{"self", p.url + ".atom"}, {"alternate", p.url}}, Updated: newest.UTC().Format(time.RFC3339),
	}
	entry := func(id, title string, at time.Time, summary string) {
		f.Entries = append(f.Entries, atomEntry{
			ID: p.url + "#" + id, Title: title, Updated: at.UTC().Format(time.RFC3339), Link: atomLink{"alternate", p.url}, Summary: summary,
		})
	}
	for _, w := range r.Windows {
		summary := fmt.Sprintf("From %s to %s. %s", w.StartsAt.UTC().Format(time.RFC1123), w.EndsAt.UTC().Format(time.RFC1123), w.Message)
		entry(w.ID, "Maintenance: "+w.Title, w.StartsAt, strings.TrimSpace(summary))
	}
	for _, i := range r.Incidents {
		title, when := i.Title, "Since "+i.StartedAt.UTC().Format(time.RFC1123)+"."
		if !i.EndedAt.IsZero() {
			title, when = "Over: "+i.Title, fmt.Sprintf("From %s to %s.", i.StartedAt.UTC().Format(time.RFC1123), i.EndedAt.UTC().Format(time.RFC1123))
		}
		for _, m := range i.Messages {
			when += fmt.Sprintf("\n%s: %s", m.At.UTC().Format(time.RFC1123), m.Text)
		}
		entry(i.ID, title, i.changed(), when)
	}
	body, err := xml.MarshalIndent(f, "", " ")
	return append([]byte(xml.Header), body...), err
}
