package output

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// Format is how an answer is written. It is a flag's value.
type Format string

// The formats.
const (
	Table Format = "table"
	JSON  Format = "json"
)

// String is the flag's text.
func (f *Format) String() string { return string(*f) }

// Type names the flag's values in the help text.
func (*Format) Type() string { return "table|json" }

// Set reads the flag.
func (f *Format) Set(s string) error {
	switch Format(s) {
	case Table, JSON:
		*f = Format(s)
		return nil
	}
	return fmt.Errorf("must be %s or %s", Table, JSON)
}

// Document is an answer: a value that encoding/json can write, with another
// form for people.
type Document interface {
	// Text is the form for people, ending in a newline.
	Text() string
}

// Write writes a document in one go.
func Write(w io.Writer, f Format, d Document) error {
	text := d.Text()
	if f == JSON {
		var encoded bytes.Buffer
		encoder := json.NewEncoder(&encoded)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(d); err != nil {
			return fmt.Errorf("encode the answer: %w", err)
		}
		text = encoded.String()
	}
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}
