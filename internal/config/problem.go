package config

import (
	"fmt"
	"strings"
)

// Problem is one setting to correct.
type Problem struct {
	// Name is the setting as it should be written, its older names after it:
	// "DB_USERNAME (or DB_USER)".
	Name string
	// Message says what is wrong and what is expected, without the value of a
	// secret.
	Message string
}

// Error lists every setting to correct, in the order of the sections.
type Error struct{ Problems []Problem }

// Error gives one line for each problem after a line that says where settings
// come from.
func (e *Error) Error() string {
	var b strings.Builder
	noun := "settings"
	if len(e.Problems) == 1 {
		noun = "setting"
	}
	fmt.Fprintf(&b, "%d %s to correct (in the environment, in .env, or as NAME_FILE with the path of a file that holds the value):",
		len(e.Problems), noun)
	for _, p := range e.Problems {
		fmt.Fprintf(&b, "\n  %s: %s", p.Name, p.Message)
	}
	return b.String()
}
