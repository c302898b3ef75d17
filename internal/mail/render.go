package mail

import (
	"embed"
	"fmt"
	htmltemplate "html/template"
	"strings"
	texttemplate "text/template"
	"time"
)

//go:embed templates
var templateFiles embed.FS

var (
	textTemplates = texttemplate.Must(texttemplate.ParseFS(templateFiles, "templates/*.txt"))
	htmlTemplates = htmltemplate.Must(htmltemplate.ParseFS(templateFiles, "templates/*.html"))
)

// render fills both forms of a mail. The text form is not escaped: what goes
// into it is cleaned before.
func render(name, subject string, text, html any) (Content, error) {
	var textOut, htmlOut strings.Builder
	if err := textTemplates.ExecuteTemplate(&textOut, name+".txt", text); err != nil {
		return Content{}, fmt.Errorf("write the text of the %s mail: %w", name, err)
	}
	if err := htmlTemplates.ExecuteTemplate(&htmlOut, name+".html", html); err != nil {
		return Content{}, fmt.Errorf("write the HTML of the %s mail: %w", name, err)
	}
	return Content{Subject: subject, Text: textOut.String(), HTML: htmlOut.String()}, nil
}

// moment writes a time for a reader who may be in any time zone, to the minute
// and never later than it is.
func moment(t time.Time) string {
	return t.UTC().Truncate(time.Minute).Format("Monday, 2 January 2006, 15:04") + " UTC"
}
