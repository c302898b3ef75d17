package roster

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tenant-provisioning/internal/tenant"
)

// Problem is something to correct in a file.
type Problem struct {
	Line    int
	Message string
}

// Error is a file with something to correct. Nothing of it was used.
type Error struct {
	Path     string
	Problems []Problem
}

// maxShown keeps a wrong file of 10,000 rows from scrolling its first, telling
// problems away.
const maxShown = 50

// Error lists the problems, one a line, as file:line so that editors find them.
func (e *Error) Error() string {
	var b strings.Builder
	noun := "things"
	if len(e.Problems) == 1 {
		noun = "thing"
	}
	fmt.Fprintf(&b, "%s: %d %s to correct; nothing was created:", e.Path, len(e.Problems), noun)
	for i, p := range e.Problems {
		if i == maxShown {
			fmt.Fprintf(&b, "\n  … and %d more", len(e.Problems)-maxShown)
			break
		}
		fmt.Fprintf(&b, "\n  %s:%d: %s", e.Path, p.Line, p.Message)
	}
	return b.String()
}

func sorted(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return problems
}

func fieldMessages(err error) []string {
	var invalid *tenant.InvalidError
	if !errors.As(err, &invalid) {
		return []string{err.Error()}
	}
	messages := make([]string, len(invalid.Fields))
	for i, f := range invalid.Fields {
		messages[i] = f.Field + " " + f.Message
	}
	return messages
}
