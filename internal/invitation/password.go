package invitation

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of a password, in characters: those of OWASP's Application Security
// Verification Standard 4.0.3 (2.1.1 and 2.1.2).
const (
	MinPasswordLength = 12
	MaxPasswordLength = 128
)

// minDistinct is how many different characters a password must have, so that
// "aaaaaaaaaaaa" and "abababababab" are none.
const minDistinct = 5

// minOwn is how many characters must be left of a password when the person's
// and the tenant's names are taken out of it.
const minOwn = 8

// CheckPassword says in plain words what is wrong with a password, or gives an
// empty text. It asks for no mixture of letters, digits and signs: that makes
// passwords hard to remember, not hard to guess (NIST SP 800-63B-4, 3.1.1.2).
func (i Invitation) CheckPassword(password string) string {
	switch n := utf8.RuneCountInString(password); {
	case !utf8.ValidString(password) || strings.ContainsFunc(password, unicode.IsControl):
		return "The password has a character that cannot be typed on every device. Please leave it out."
	case n < MinPasswordLength:
		return fmt.Sprintf("The password has %s. Please choose one with at least %d; a few words that do not belong together are easy to remember.",
			characters(n), MinPasswordLength)
	case n > MaxPasswordLength:
		return fmt.Sprintf("The password has %s. Please choose one with at most %d.", characters(n), MaxPasswordLength)
	case tooPlain(password):
		return "The password is among the first that somebody would try. Please choose a less regular one."
	case i.tooPersonal(password):
		return "The password is made of your name, your address or the name of your organisation. Please choose one that nobody can guess from them."
	}
	return ""
}

func characters(n int) string {
	if n == 1 {
		return "1 character"
	}
	return fmt.Sprintf("%d characters", n)
}

// commonParts are what the most used passwords of the published leaks, of this
// length, are put together from.
var commonParts = []string{
	"password", "passwort", "passw0rd", "p@ssw0rd", "p@ssword", "qwertyuiop", "qwertzuiop", "qwerty", "qwertz", "asdfghjkl", "asdfgh", "zxcvbnm",
	"1q2w3e4r5t", "1qaz2wsx", "iloveyou", "letmein", "welcome", "willkommen", "administrator", "admin",
	"changeme", "secret", "hospital", "doctor", "football", "baseball", "sunshine", "princess", "dragon", "monkey",
	"1234567890", "123456789", "12345678", "1234567", "123456", "12345", "1234", "123", "2024", "2025", "2026", "2027", "abcdefgh", "abcdef", "abc",
}

// tooPlain tells passwords with hardly any different characters, runs such as
// "abcdefghijkl" or "987654321098", and those made of nothing but the most
// common parts.
func tooPlain(password string) bool {
	runes := []rune(strings.ToLower(password))
	distinct := slices.Clone(runes)
	slices.Sort(distinct)
	if len(slices.Compact(distinct)) < minDistinct {
		return true
	}
	steps := 0
	for i := 1; i < len(runes); i++ {
		if d := runes[i] - runes[i-1]; d == 1 || d == -1 {
			steps++
		}
	}
	return steps >= len(runes)-2 || without(string(runes), commonParts) < minDistinct
}

func (i Invitation) tooPersonal(password string) bool {
	local, domain, _ := strings.Cut(i.Email, "@")
	words := []string{i.Email, local, domain, i.FirstName, i.LastName, i.TenantName}
	for _, text := range []string{local, domain, i.FirstName, i.LastName, i.TenantName} {
		words = append(words, strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })...)
	}
	personal := slices.DeleteFunc(words, func(w string) bool { return utf8.RuneCountInString(w) < 3 })
	lower := strings.ToLower(password)
	own := without(lower, personal)
	return own < minOwn && own < utf8.RuneCountInString(lower)
}

// without counts the letters and digits of text that are left when the words
// are taken out, the longest first.
func without(text string, words []string) int {
	words = slices.Clone(words)
	slices.SortFunc(words, func(a, b string) int { return len(b) - len(a) })
	for _, w := range words {
		text = strings.ReplaceAll(text, strings.ToLower(w), " ")
	}
	n := 0
	for _, r := range text {
		if !unicode.IsSpace(r) {
			n++
		}
	}
	return n
}
