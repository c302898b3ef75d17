package documents

import (
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

var root = filepath.Join("..", "..", "..")

// content is a file of the repository.
func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(path)))
	require.NoError(t, err)
	return string(text)
}

// documents are the pages that people read, by their paths from the root.
func documents(t *testing.T) map[string]document {
	t.Helper()
	found := map[string]document{}
	for _, name := range []string{"README.md", "CHANGELOG.md"} {
		found[name] = parse(content(t, name))
	}
	require.NoError(t, filepath.WalkDir(filepath.Join(root, "docs"), func(file string, _ fs.DirEntry, err error) error {
		if err == nil && path.Ext(file) == ".md" {
			name, _ := filepath.Rel(root, file)
			found[filepath.ToSlash(name)] = parse(content(t, filepath.ToSlash(name)))
		}
		return err
	}))
	return found
}

// heading is a title, its level, and the anchor that leads to it.
type heading struct {
	level         int
	title, anchor string
}

// document is what of a page can be held against the repository.
type document struct {
	headings []heading
	// links are where links and pictures lead.
	links []string
	// spans are the pieces of code in lines, and scripts those in blocks of a shell.
	spans, scripts []string
}

func parse(written string) document {
	source := []byte(written)
	md := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithParserOptions(parser.WithAutoHeadingID()))
	page := md.Parser().Parse(text.NewReader(source), parser.WithContext(parser.NewContext(parser.WithIDs(&anchors{}))))
	var d document
	_ = ast.Walk(page, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // the function never fails
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			id, _ := n.AttributeString("id")
			anchor, _ := id.([]byte)
			d.headings = append(d.headings, heading{n.Level, plain(n, source), string(anchor)})
		case *ast.Link:
			d.links = append(d.links, string(n.Destination))
		case *ast.Image:
			d.links = append(d.links, string(n.Destination))
		case *ast.CodeSpan:
			d.spans = append(d.spans, plain(n, source))
		case *ast.FencedCodeBlock:
			if string(n.Language(source)) == "sh" {
				d.scripts = append(d.scripts, string(n.Lines().Value(source)))
			}
		}
		return ast.WalkContinue, nil
	})
	return d
}

// plain is what a reader sees of a node.
func plain(n ast.Node, source []byte) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // the function never fails
		if piece, ok := n.(*ast.Text); ok && entering {
			b.Write(piece.Segment.Value(source))
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}

// anchors names headings as GitHub does: in lower case, without punctuation, with a
// hyphen for each space, and a number where the name is taken.
type anchors struct{ taken []string }

func (a *anchors) Generate(value []byte, _ ast.NodeKind) []byte {
	name := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
			return unicode.ToLower(r)
		case r == ' ':
			return '-'
		}
		return -1
	}, string(value))
	unique := name
	for n := 1; slices.Contains(a.taken, unique); n++ {
		unique = name + "-" + strconv.Itoa(n)
	}
	a.taken = append(a.taken, unique)
	return []byte(unique)
}

func (a *anchors) Put(value []byte) { a.taken = append(a.taken, string(value)) }

func (d document) has(anchor string) bool {
	return slices.ContainsFunc(d.headings, func(h heading) bool { return h.anchor == anchor })
}

// TestLinksResolve: those to files and folders of the repository, and to headings.
func TestLinksResolve(t *testing.T) {
	t.Parallel()
	all, followed := documents(t), 0
	var wrong []string
	for name, d := range all {
		for _, link := range d.links {
			to, err := url.Parse(link)
			require.NoError(t, err, "%s: %s", name, link)
			if to.Scheme != "" {
				continue
			}
			followed++
			target := name
			if to.Path != "" {
				target = path.Join(path.Dir(name), to.Path)
				if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(target))); err != nil {
					wrong = append(wrong, name+": "+link+" leads to no file")
				}
			}
			if to.Fragment != "" && !all[target].has(to.Fragment) {
				wrong = append(wrong, name+": "+link+" leads to no heading")
			}
		}
	}
	require.Empty(t, wrong)
	require.Greater(t, followed, 100)
}

// TestContentsAreComplete: the guide begins with a list of its sections, in their
// order.
func TestContentsAreComplete(t *testing.T) {
	t.Parallel()
	guide := parse(content(t, "docs/OPERATIONS.md"))
	var sections, listed []string
	for _, h := range guide.headings {
		if h.level == 2 {
			sections = append(sections, "#"+h.anchor)
		}
	}
	for _, link := range guide.links {
		if strings.HasPrefix(link, "#") && len(listed) < len(sections) {
			listed = append(listed, link)
		}
	}
	require.Equal(t, sections, listed)
}

var (
	makeTarget = regexp.MustCompile(`(?m)(?:^|[;&|(] *)make ([a-z]+(?:-[a-z]+)*)`)
	subcommand = regexp.MustCompile(`(?m)(?:^|[\s;&|(/])starter +([a-z][a-z-]*)`)
	testName   = regexp.MustCompile(`\bTest[A-Z][A-Za-z0-9]*\b`)
	// repositoryPath is a path below a folder of the root; what follows its last
	// letter may be a pattern.
	repositoryPath = regexp.MustCompile(`^(?:\./)?[\w.-]+(?:/[\w.*-]+)+/?$`)
)

// TestWhatDocumentsNameIsThere: targets of make, commands of starter, paths and tests
// that stand as code in a document. A path counts where its first part is a folder of
// the repository: anything else may be of another system.
func TestWhatDocumentsNameIsThere(t *testing.T) {
	t.Parallel()
	targets := words(t, "Makefile", `(?m)^([a-z][\w/ -]*):`)
	commands := words(t, "starter/testdata/starter.help", `(?m)^  ([a-z-]+) +[A-Z]`)
	tests := declaredTests(t)
	named := map[string]int{}
	var wrong []string
	names := func(kind string, there bool, page, name string) {
		named[kind]++
		if !there {
			wrong = append(wrong, page+": there is no "+kind+" "+name)
		}
	}
	for page, d := range documents(t) {
		for _, code := range slices.Concat(d.spans, d.scripts) {
			for _, m := range makeTarget.FindAllStringSubmatch(code, -1) {
				names("target", slices.Contains(targets, m[1]), page, m[1])
			}
			for _, m := range subcommand.FindAllStringSubmatch(code, -1) {
				names("command", slices.Contains(commands, m[1]), page, m[1])
			}
			for _, test := range testName.FindAllString(code, -1) { // the beginning of a name will do, as it does for RUN
				names("test", slices.ContainsFunc(tests, func(declared string) bool { return strings.HasPrefix(declared, test) }), page, test)
			}
		}
		for _, code := range d.spans {
			if isOurs(t, code) {
				there, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(code)))
				require.NoError(t, err, code)
				names("path", len(there) > 0, page, code)
			}
		}
	}
	require.Empty(t, wrong)
	for _, kind := range []string{"target", "command", "test", "path"} {
		require.Greater(t, named[kind], 10, kind)
	}
}

// isOurs tells whether a piece of code is a path of the repository: not one that is
// made by building or running it, or that a file of manifests has, nor of the example
// in ARCHITECTURE.md of how a step is added, which is a bucket.
func isOurs(t *testing.T, code string) bool {
	t.Helper()
	if !repositoryPath.MatchString(code) || strings.Contains(code, "bucket") {
		return false
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(code, "./"), "/")
	if slices.Contains([]string{"..", ".devstack", "bin", "backups"}, first) {
		return false
	}
	info, err := os.Stat(filepath.Join(root, first))
	return err == nil && info.IsDir()
}

// words are what a pattern finds in a file, one by one.
func words(t *testing.T, file, pattern string) []string {
	t.Helper()
	var found []string
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(content(t, file), -1) {
		found = append(found, strings.Fields(m[1])...)
	}
	require.NotEmpty(t, found, file)
	return found
}

// sources are the files of the repository with this ending, by their paths.
func sources(t *testing.T, ending string) map[string]string {
	t.Helper()
	found := map[string]string{}
	require.NoError(t, filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == "target" || len(entry.Name()) > 2 && entry.Name()[0] == '.'):
			return filepath.SkipDir
		case !entry.IsDir() && strings.HasSuffix(file, ending):
			written, err := os.ReadFile(file)
			found[filepath.ToSlash(file)] = string(written)
			return err
		}
		return nil
	}))
	return found
}

func declaredTests(t *testing.T) []string {
	t.Helper()
	found := map[string]bool{}
	for _, source := range sources(t, "_test.go") {
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(source, -1) {
			found[m[1]] = true
		}
	}
	return slices.Collect(maps.Keys(found))
}

var (
	namedPage    = regexp.MustCompile(`docs/[\w/-]+\.md`)
	namedSection = regexp.MustCompile(`docs/OPERATIONS\.md, (?:section "([^"]+)"|([A-Z][a-z]+(?: [a-z]+)*)")`)
)

// TestProgramsNamePagesThatAreThere: what programs tell people to read, and what
// manifests refer to.
func TestProgramsNamePagesThatAreThere(t *testing.T) {
	t.Parallel()
	all, pages, sections := documents(t), 0, 0
	guide := all["docs/OPERATIONS.md"]
	var wrong []string
	for _, ending := range []string{".go", ".yml", ".yaml", ".sh", "Dockerfile"} {
		for name, source := range sources(t, ending) {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			for _, page := range namedPage.FindAllString(source, -1) {
				pages++
				if _, there := all[page]; !there {
					wrong = append(wrong, name+" names "+page)
				}
			}
			for _, m := range namedSection.FindAllStringSubmatch(source, -1) {
				sections++
				if title := m[1] + m[2]; !slices.ContainsFunc(guide.headings, func(h heading) bool { return h.title == title }) {
					wrong = append(wrong, name+" names the section "+title)
				}
			}
		}
	}
	require.Empty(t, wrong)
	require.Greater(t, pages, 10)
	require.Greater(t, sections, 3)
}

// TestEveryRunbookIsFound: the index names each page beside what one sees, and each
// page begins with that. That alerts lead to pages is tested beside the alerts.
func TestEveryRunbookIsFound(t *testing.T) {
	t.Parallel()
	all := documents(t)
	index := all["docs/runbooks/README.md"]
	for name := range all {
		page, isRunbook := strings.CutPrefix(name, "docs/runbooks/")
		if !isRunbook || page == "README.md" {
			continue
		}
		require.Contains(t, index.links, page, "the index does not name it")
		require.Regexp(t, `\A# .+\n\n\*\*You see\*\* \S`, content(t, name), name)
	}
}
