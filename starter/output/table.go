package output

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/rivo/uniseg"
)

// gap stands between two columns.
const gap = "  "

// Grid lays out cells under headings. Widths are those on the screen, where a
// Chinese character takes two columns and a combining accent none.
func Grid(headings []string, rows [][]string) string {
	shown := make([][]string, 0, len(rows)+1)
	shown = append(shown, headings)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = Visible(cell)
		}
		shown = append(shown, cells)
	}
	widths := make([]int, len(headings))
	for _, row := range shown {
		for i, cell := range row {
			widths[i] = max(widths[i], uniseg.StringWidth(cell))
		}
	}
	var b strings.Builder
	for _, row := range shown {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell)
			line.WriteString(strings.Repeat(" ", widths[i]-uniseg.StringWidth(cell)) + gap)
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}

// pair is a line of a form: what it is, and its value.
type pair struct{ label, value string }

// form lays out labelled lines; lines without a value are left out.
func form(pairs []pair) string {
	width := 0
	for _, p := range pairs {
		if p.value != "" {
			width = max(width, len(p.label))
		}
	}
	var b strings.Builder
	for _, p := range pairs {
		if p.value != "" {
			fmt.Fprintf(&b, "%-*s%s%s\n", width, p.label, gap, Visible(p.value))
		}
	}
	return b.String()
}

// Visible writes out the characters that would move the cursor, colour the
// terminal or turn the direction of the line: a tenant's name may contain the
// last kind, and must not be able to disguise what stands beside it.
func Visible(s string) string {
	if !strings.ContainsFunc(s, deceptive) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if deceptive(r) {
			fmt.Fprintf(&b, "\\u%04x", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// deceptive reports control characters and the explicit directional ones. A
// zero-width joiner is not among them: names in Persian and emoji need it.
func deceptive(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' ||
		r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}
