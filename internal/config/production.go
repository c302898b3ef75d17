package config

import "strings"

// DemoMark in a secret says that it was made up for a demo or a test. Whoever
// makes one up puts it in, so that it cannot end up in production unnoticed.
const DemoMark = "devstack"

// exampleMarks are parts of values that people copy from documents. They are
// long enough not to turn up in a random secret.
var exampleMarks = []string{
	DemoMark, "example", "changeme", "change-me", "change_me", "placeholder",
	"replaceme", "replace-me", "replace_me", "your-secret", "your_secret",
}

// isDemo says that a secret is one of the demo's or was copied from a document.
func isDemo(value string) bool {
	value = strings.ToLower(value)
	for _, mark := range exampleMarks {
		if strings.Contains(value, mark) {
			return true
		}
	}
	return false
}

// minDistinct is how many different characters a long secret must have in
// production. 64 random hexadecimal digits have fewer than ten with a
// probability of about 1e-12.
const minDistinct = 10

// isRepetitive says that a secret is long only because it repeats itself.
func isRepetitive(value string) bool {
	distinct := make(map[rune]struct{})
	for _, r := range value {
		distinct[r] = struct{}{}
	}
	return len(distinct) < minDistinct
}
