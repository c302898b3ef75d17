package rest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/danielgtaylor/huma/v2/validation"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"
)

const (
	// maxBody is the largest body that is read, in bytes. A tenant with names
	// of full length has less than 4 KiB.
	maxBody = 64 << 10
	// bodyTimeout is how long a body may take to arrive.
	bodyTimeout = 4 * time.Second
	// maxDepth is how deep a body may nest; ours have one level.
	maxDepth = 16
)

// readJSON reads a body before huma does: huma would take a body that breaks
// off for a fault of ours, the last of two equal keys, and half a character.
func (s *Server) readJSON(ctx huma.Context, next func(huma.Context)) {
	c := humaecho.Unwrap(ctx)
	if ctx.Operation().RequestBody == nil {
		next(ctx)
		return
	}
	body, err := readBody(c, "application/json")
	body = bytes.TrimPrefix(body, []byte("\ufeff")) // a parser may ignore it (RFC 8259, 8.1), and editors add it
	if err == nil && (len(body) > 0 || ctx.Operation().RequestBody.Required) {
		err = s.checkObject(ctx.Operation(), body)
	}
	if err != nil {
		s.fail(err, c)
		return
	}
	r := c.Request()
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	next(ctx)
}

// readBody reads a whole body of the given type. Any error is a problem.
func readBody(c echo.Context, mediaType string) ([]byte, error) {
	r := c.Request()
	if r.ContentLength == 0 {
		return nil, nil // of no body the type says nothing
	}
	if !isType(r.Header, mediaType) {
		return nil, newProblem(CodeUnsupportedType, fmt.Sprintf("The body must be %s in UTF-8, not compressed.", mediaType))
	}
	if r.ContentLength > maxBody {
		return nil, newProblem(CodeTooLarge, "The body may have at most 64 KiB.")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	var timeout net.Error
	switch {
	case len(body) > maxBody:
		return nil, newProblem(CodeTooLarge, "The body may have at most 64 KiB.")
	case errors.As(err, &timeout) && timeout.Timeout():
		return nil, newProblem(CodeRequestTimeout, "The body did not arrive in time.")
	case err != nil:
		return nil, newProblem(CodeMalformed, "The body breaks off before its end.")
	}
	// Left there, the deadline would end the request while it is worked on.
	return body, readUntil(c, time.Time{})
}

// boundBody limits the time for a body, whether anybody reads it or not: before
// an answer goes out, the server reads what is left of the request, so that a
// body that never comes would hold the answer and the connection for ever.
func boundBody(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if c.Request().ContentLength != 0 { // chunked is -1
			if err := readUntil(c, time.Now().Add(bodyTimeout)); err != nil {
				return err
			}
		}
		return next(c)
	}
}

// readUntil limits how long is read from the connection. Writers that know no
// deadlines are those of tests.
func readUntil(c echo.Context, deadline time.Time) error {
	err := http.NewResponseController(c.Response()).SetReadDeadline(deadline)
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("limit the time for a body: %w", err)
	}
	return nil
}

// isType compares a request's type; no type at all is taken for the right one.
func isType(h http.Header, want string) bool {
	if encoding := h.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return false
	}
	given := h.Get("Content-Type")
	if given == "" {
		return true
	}
	mediaType, params, err := mime.ParseMediaType(given)
	if errors.Is(err, mime.ErrInvalidMediaParameter) {
		err = nil // such as "charset=" and nothing behind it
	}
	return err == nil && mediaType == want && isUTF8(params["charset"])
}

// isUTF8 tells UTF-8 by the names that programs write for it, those of WHATWG's
// Encoding Standard among them, from other encodings. No name is taken for it.
func isUTF8(charset string) bool {
	charset = strings.ToLower(strings.Trim(charset, ` "'`))
	return slices.Contains([]string{"", "utf-8", "utf8", "utf_8", "utf-8-sig", "unicode-1-1-utf-8", "x-unicode20utf8"}, charset)
}

// checkObject accepts one well-formed JSON object. One with a great many unknown
// fields is answered here, as huma would answer it: huma's own work for them
// grows with the square of their number.
func (s *Server) checkObject(op *huma.Operation, body []byte) error {
	members, err := checkJSON(body)
	if err != nil {
		return err
	}
	schema := s.schemaOf(op.RequestBody.Content["application/json"].Schema)
	if empty := nulls(schema, members); len(empty) > 0 {
		return invalid(empty...)
	}
	if len(members) <= maxFieldProblems {
		return nil
	}
	var unknown []FieldProblem
	for _, m := range members {
		if schema.Properties[m.name] == nil {
			unknown = append(unknown, FieldProblem{Location: "body." + m.name, Message: validation.MsgUnexpectedProperty})
		}
	}
	if len(unknown) <= maxFieldProblems {
		return nil
	}
	return invalid(unknown...)
}

// member is a key of a body, and whether its value is null.
type member struct {
	name string
	null bool
}

// checkJSON accepts one JSON object as RFC 7493 has it: in UTF-8, without half
// surrogates, each key once. It returns the members of the object itself.
func checkJSON(body []byte) (members []member, err error) {
	decoder := jsontext.NewDecoder(bytes.NewReader(body))
	if decoder.PeekKind() != '{' {
		return nil, newProblem(CodeMalformed, "The body must be one JSON object.")
	}
	for {
		_, before := decoder.StackIndex(decoder.StackDepth())
		isName := decoder.StackDepth() == 1 && before%2 == 0 && decoder.PeekKind() == '"'
		token, err := decoder.ReadToken()
		switch {
		case errors.Is(err, jsontext.ErrDuplicateName):
			return nil, newProblem(CodeMalformed, "The body has a key twice.")
		case err != nil:
			return nil, newProblem(CodeMalformed, fmt.Sprintf("The body is not JSON in UTF-8: there is a mistake near byte %d.", decoder.InputOffset()))
		case isName:
			members = append(members, member{name: token.String()})
		case token.Kind() == 'n' && decoder.StackDepth() == 1:
			members[len(members)-1].null = true
		}
		depth := decoder.StackDepth()
		if depth > maxDepth {
			return nil, newProblem(CodeMalformed, "The body is nested too deeply.")
		}
		if depth == 0 {
			break
		}
	}
	if _, err := decoder.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, newProblem(CodeMalformed, "The body goes on after its end.")
	}
	return members, nil
}
