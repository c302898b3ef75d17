package roster

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// readJSON reads an array of objects. It goes token by token, because the
// decoder's own way into a struct accepts a field twice and in any case.
func readJSON(data []byte) ([]record, []Problem) {
	r := &jsonReader{data: data, decoder: json.NewDecoder(bytes.NewReader(data))}
	if err := r.array(); err != nil {
		message := err.Error()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			message = "the file ends in the middle"
		}
		r.problems = append(r.problems, Problem{Line: r.line(), Message: message})
	}
	return r.records, r.problems
}

type jsonReader struct {
	data     []byte
	decoder  *json.Decoder
	records  []record
	problems []Problem
	// counted newlines lie before offset: lines are counted once, not anew for
	// each field of a long file.
	offset  int64
	counted int
}

var errNotArray = errors.New(`expected an array of tenants: [{"name": …, "adminEmail": …}, …]`)

// array reads everything. Its error ends the reading; what can be read past is
// collected instead.
func (r *jsonReader) array() error {
	if open, err := r.decoder.Token(); err != nil {
		return err
	} else if open != json.Delim('[') {
		return errNotArray
	}
	for r.decoder.More() {
		open, err := r.decoder.Token()
		if err != nil {
			return err
		}
		if open != json.Delim('{') {
			return errNotArray
		}
		if err := r.object(); err != nil {
			return err
		}
	}
	if _, err := r.decoder.Token(); err != nil { // ]
		return err
	}
	if _, err := r.decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something after the array")
	}
	return nil
}

func (r *jsonReader) object() error {
	rec := record{line: r.line(), fields: map[column]string{}}
	good := true
	for r.decoder.More() {
		name, err := r.decoder.Token()
		if err != nil {
			return err
		}
		line := r.line()
		var raw json.RawMessage
		if err := r.decoder.Decode(&raw); err != nil {
			return err
		}
		if message := rec.set(name.(string), raw); message != "" { //nolint:forcetypeassert // a key of an object is a string
			r.problems = append(r.problems, Problem{Line: line, Message: message})
			good = false
		}
	}
	if _, err := r.decoder.Token(); err != nil { // }
		return err
	}
	if good {
		r.records = append(r.records, rec)
	}
	return nil
}

func (rec record) set(name string, raw json.RawMessage) string {
	c := column(name)
	if known, ok := findColumn(name); !ok || known != c {
		return unknownColumn(name)
	}
	if _, twice := rec.fields[c]; twice {
		return fmt.Sprintf("%s is there twice", c)
	}
	var value *string
	if err := json.Unmarshal(raw, &value); err != nil {
		return fmt.Sprintf("%s must be text in quotes", c)
	}
	rec.fields[c] = ""
	if value != nil {
		rec.fields[c] = *value
	}
	return ""
}

// line is where the decoder is.
func (r *jsonReader) line() int {
	now := r.decoder.InputOffset()
	r.counted += bytes.Count(r.data[r.offset:now], []byte{'\n'})
	r.offset = now
	return 1 + r.counted
}
