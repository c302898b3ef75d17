package rest

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"
)

//go:embed about.md
var aboutText string

// about is what the document says of the whole API. Each kind of problem has a
// heading of its own, to which the type of a problem leads (/docs#code).
func about(publicURL string) string {
	var b strings.Builder
	b.WriteString(strings.ReplaceAll(aboutText, "{url}", publicURL))
	for _, code := range slices.SortedFunc(maps.Keys(kinds), byStatus) {
		k := kinds[code]
		fmt.Fprintf(&b, "\n### %s\n\n%d, **%s.** %s\n", code, k.status, k.title, k.help)
	}
	return b.String()
}

func byStatus(a, b Code) int {
	if d := kinds[a].status - kinds[b].status; d != 0 {
		return d
	}
	return strings.Compare(string(a), string(b))
}
