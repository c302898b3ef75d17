package tenant

import (
	"log/slog"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxPersonNameLength is the longest part of a person's name, in characters.
const MaxPersonNameLength = 100

// Administrator is the first user of a tenant: the person who gets the welcome
// mail. All of it is personal data: it stays in the database and in the mail.
type Administrator struct {
	Email     string
	FirstName string
	LastName  string
}

// LogValue hides a person from slog.
func (a Administrator) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// Clean trims the fields and reports every one that is wrong, by its name in a
// request.
func (a Administrator) Clean() (Administrator, []FieldError) {
	var errs []FieldError
	a.Email = trim(a.Email)
	if _, err := WireAddress(a.Email); err != nil {
		errs = append(errs, FieldError{Field: "adminEmail", Message: err.Error()})
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

// Apply is the administrator after the change. Only what changes is checked: an
// address that an earlier version took does not stand in the way of a name. The
// error, if any, is an *InvalidError.
func (c AdministratorChange) Apply(a Administrator) (Administrator, error) {
	changed := map[string]bool{}
	for _, f := range []struct {
		name   string
		change *string
		field  *string
	}{{"adminEmail", c.Email, &a.Email}, {"adminFirstName", c.FirstName, &a.FirstName}, {"adminLastName", c.LastName, &a.LastName}} {
		if f.change != nil {
			*f.field, changed[f.name] = *f.change, true
		}
	}
	a, errs := a.Clean()
	errs = slices.DeleteFunc(errs, func(e FieldError) bool { return !changed[e.Field] })
	if len(errs) > 0 {
		return Administrator{}, &InvalidError{Fields: errs}
	}
	return a, nil
}
