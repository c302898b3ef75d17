package mailtest

import (
	"crypto/subtle"
	"net/http"
	"strings"
)

// helpBase is where SendGrid's errors point to.
const helpBase = "http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html#"

// apiError is one entry of SendGrid's error document. Field and Help are null
// where an error belongs to no field.
type apiError struct {
	Message string  `json:"message"`
	Field   *string `json:"field"`
	Help    *string `json:"help"`
}

func fieldError(field, help, message string) apiError {
	help = helpBase + help
	return apiError{Message: message, Field: &field, Help: &help}
}

func writeErrors(w http.ResponseWriter, status int, errs ...apiError) {
	writeJSON(w, status, map[string][]apiError{"errors": errs})
}

// authorized lets a request with the right key through; the two refusals are
// worded as SendGrid words them.
func (c *Catcher) authorized(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		key, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		switch {
		case !ok:
			writeErrors(w, http.StatusUnauthorized, apiError{Message: "Permission denied, wrong credentials"})
		case subtle.ConstantTimeCompare([]byte(key), []byte(c.key)) != 1:
			writeErrors(w, http.StatusUnauthorized,
				apiError{Message: "The provided authorization grant is invalid, expired, or revoked"})
		default:
			next(w, r)
		}
	}
}
