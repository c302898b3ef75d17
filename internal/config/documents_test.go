package config_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/config"
)

var update = flag.Bool("update", false, "write the table in docs/OPERATIONS.md, and .env.example")

const (
	begin = "<!-- begin settings: made from internal/config, go test ./internal/config -run TestDocuments -update -->\n"
	end   = "<!-- end settings -->\n"
)

// TestDocumentsAreCurrent holds what people read against the catalogue.
func TestDocumentsAreCurrent(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	operations := read(t, root, "docs", "OPERATIONS.md")
	before, rest, found := strings.Cut(operations, begin)
	_, after, closed := strings.Cut(rest, end)
	require.True(t, found && closed, "docs/OPERATIONS.md has lost the marks around the table")
	for _, document := range []struct{ path, want string }{
		{"docs/OPERATIONS.md", before + begin + table() + end + after},
		{".env.example", example(read(t, root, "deploy", "compose", "example.env"))},
	} {
		path := filepath.Join(root, filepath.FromSlash(document.path))
		if *update {
			require.NoError(t, os.WriteFile(path, []byte(document.want), 0o644))
			continue
		}
		require.Equal(t, document.want, read(t, path), "%s is not of this catalogue: go test ./internal/config -run TestDocuments -update", document.path)
	}
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	require.NoError(t, err)
	return string(text)
}

// table is the settings for docs/OPERATIONS.md.
func table() string {
	var b strings.Builder
	b.WriteString("| setting | default | for | consequence |\n|---|---|---|---|\n")
	for _, chapter := range config.Chapters() {
		for _, entry := range chapter.Entries {
			var names, defaults []string
			var readers config.Process
			for i, name := range entry.Names {
				s := setting(name)
				names = append(names, "`"+name+"`")
				if s.Secret {
					names[i] += " (secret)"
				}
				defaults = append(defaults, orUnset(s, entry, i))
				readers |= s.Readers
			}
			b.WriteString("| " + strings.Join(names, ", ") + " | " + alike(defaults) + " | " + readersOf(readers) + " | " + entry.Means + " |\n")
		}
	}
	return b.String()
}

var catalogue = config.Catalogue()

func setting(name string) config.Setting {
	if i := slices.IndexFunc(catalogue, func(s config.Setting) bool { return s.Name == name }); i >= 0 {
		return catalogue[i]
	}
	return config.Setting{}
}

var number = regexp.MustCompile(`^[0-9]+$`)

func orUnset(s config.Setting, entry config.Entry, i int) string {
	switch {
	case s.From != "":
		return "`" + s.From + "`"
	case number.MatchString(s.Default):
		return s.Default
	case s.Default != "":
		return "`" + s.Default + "`"
	case s.Required != 0:
		return "**required**"
	case s.RequiredInProduction != 0:
		return "required in production"
	case len(entry.Unset) == 1:
		return entry.Unset[0]
	case i < len(entry.Unset):
		return entry.Unset[i]
	}
	return "none"
}

func readersOf(p config.Process) string {
	var names []string
	for _, of := range []struct {
		process config.Process
		name    string
	}{{config.API, "api"}, {config.Worker, "worker"}, {config.Starter, "starter"}} {
		if p&of.process != 0 {
			names = append(names, of.name)
		}
	}
	if len(names) == 3 {
		return "all"
	}
	return strings.Join(names, " and ")
}

// alike joins texts, and has one that is the same for all of them once.
func alike(texts []string) string {
	if len(slices.Compact(slices.Clone(texts))) == 1 {
		return texts[0]
	}
	return strings.Join(texts, ", ")
}

var (
	assignment = regexp.MustCompile(`(?m)^([A-Z][A-Z0-9_]*)=(.*)$`)
	link       = regexp.MustCompile(`\[([^]]*)\]\([^)]*\)`)
	plain      = strings.NewReplacer("`", "", "**", "", `\|`, "|", "(*", "(", "*)", ")")
)

// example is .env.example, with the given values.
func example(values string) string {
	values, own, _ := strings.Cut(values, "\n# == ")
	given := map[string]string{}
	for _, m := range assignment.FindAllStringSubmatch(values, -1) {
		given[m[1]] = m[2]
	}
	var b strings.Builder
	b.WriteString(`# Settings, for a development machine: "cp .env.example .env && docker compose
# --profile local up" runs everything here. Lines that begin with # show defaults.
# Made from internal/config: go test ./internal/config -run TestDocuments -update
#
# Compose has its own defaults for where its services are, and hands on as files
# what is secret here. It needs each of the secrets set, if only to nothing.
`)
	for _, chapter := range config.Chapters() {
		b.WriteString("\n# == " + chapter.Title + "\n")
		for _, entry := range chapter.Entries {
			b.WriteString("\n" + comment(link.ReplaceAllString(plain.Replace(entry.Means), "$1")))
			for _, name := range entry.Names {
				b.WriteString(line(setting(name), given))
			}
		}
	}
	return b.String() + "\n# == " + own
}

func line(s config.Setting, given map[string]string) string {
	value, ok := given[s.Name]
	switch {
	case strings.HasSuffix(s.Name, "*"):
		return "# " + s.Name + "\n"
	case !ok && s.Secret:
		return s.Name + "=\n"
	case !ok:
		return "#" + s.Name + "=" + s.Default + "\n"
	}
	return s.Name + "=" + value + "\n"
}

// comment breaks a text into lines.
func comment(text string) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
			b.WriteString("#")
			column = 1
		case column+1+len(word) > 82:
			b.WriteString("\n#")
			column = 1
		}
		b.WriteString(" " + word)
		column += 1 + len(word)
	}
	return b.String() + "\n"
}
