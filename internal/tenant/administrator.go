package tenant

import (
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of the administrator's fields. 254 is the longest address that fits
// an SMTP path and 64 the longest local part (RFC 5321, 4.5.3.1).
const (
	MaxEmailLength      = 254
	maxEmailLocalLength = 64
	MaxPersonNameLength = 100
)

// Administrator is the first user of a tenant: the person who gets the welcome
// mail. All of it is personal data: it stays in the database and in the mail.
type Administrator struct {
	Email     string
	FirstName string
	LastName  string
}

// Clean trims the fields and reports every one that is wrong, by its name in a
// request.
func (a Administrator) Clean() (Administrator, []FieldError) {
	var errs []FieldError
	a.Email = trim(a.Email)
	if msg := checkEmail(a.Email); msg != "" {
		errs = append(errs, FieldError{Field: "adminEmail", Message: msg})
	}
	for _, f := range []struct {
		field string
		value *string
	}{{"adminFirstName", &a.FirstName}, {"adminLastName", &a.LastName}} {
		*f.value = trim(*f.value)
		if msg := checkPersonName(*f.value); msg != "" {
			errs = append(errs, FieldError{Field: f.field, Message: msg})
		}
	}
	return a, errs
}

func checkEmail(s string) string {
	const hint = "must be a plain e-mail address such as ada@hospital.example"
	if s == "" || len(s) > MaxEmailLength || strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || unicode.IsSpace(r) || r == '"' || r == '<' || r == '>' || r == ','
	}) {
		return hint
	}
	parsed, err := mail.ParseAddress(s)
	if err != nil || parsed.Address != s || parsed.Name != "" {
		return hint
	}
	at := strings.LastIndexByte(s, '@')
	local, domain := s[:at], s[at+1:]
	if len(local) > maxEmailLocalLength || !isHostname(domain) {
		return hint
	}
	return ""
}

// isHostname accepts dotted names of at least two labels, international ones
// too; an address at a bare host or an IP literal can't be a hospital's.
func isHostname(domain string) bool {
	labels := strings.Split(domain, ".")
	if len(labels) < 2 || len(domain) > 253 {
		return false
	}
	for _, l := range labels {
		if l == "" || len(l) > 63 || strings.HasPrefix(l, "-") || strings.HasSuffix(l, "-") {
			return false
		}
		for _, r := range l {
			if r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) {
				return false
			}
		}
	}
	return strings.ContainsFunc(labels[len(labels)-1], unicode.IsLetter)
}

func checkPersonName(s string) string {
	if n := utf8.RuneCountInString(s); n < 1 || n > MaxPersonNameLength {
		return "must have 1 to 100 characters"
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return "must not contain control characters"
	}
	if visible(s) == "" {
		return "must have visible characters: it has only spaces and characters that cannot be seen"
	}
	return ""
}

// Differences names the fields, as a request calls them, in which two
// administrators differ.
func (a Administrator) Differences(b Administrator) []string {
	var fields []string
	for _, f := range []struct {
		name   string
		differ bool
	}{{"adminEmail", a.Email != b.Email}, {"adminFirstName", a.FirstName != b.FirstName}, {"adminLastName", a.LastName != b.LastName}} {
		if f.differ {
			fields = append(fields, f.name)
		}
	}
	return fields
}

// AdministratorChange changes what is given and leaves the rest.
type AdministratorChange struct {
	Email     *string
	FirstName *string
	LastName  *string
}

// Apply is the administrator after the change, checked. The error, if any, is
// an *InvalidError.
func (c AdministratorChange) Apply(a Administrator) (Administrator, error) {
	for _, f := range []struct {
		change *string
		field  *string
	}{{c.Email, &a.Email}, {c.FirstName, &a.FirstName}, {c.LastName, &a.LastName}} {
		if f.change != nil {
			*f.field = *f.change
		}
	}
	a, errs := a.Clean()
	if len(errs) > 0 {
		return Administrator{}, &InvalidError{Fields: errs}
	}
	return a, nil
}
