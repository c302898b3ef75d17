package build

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTheLinkerFindsItsNames: a name that is wrong after -X is no error for the
// linker.
func TestTheLinkerFindsItsNames(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "build.go", nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	var declared []string
	for _, d := range file.Decls {
		if vars, ok := d.(*ast.GenDecl); ok && vars.Tok == token.VAR {
			for _, spec := range vars.Specs {
				declared = append(declared, spec.(*ast.ValueSpec).Names[0].Name)
			}
		}
	}
	dockerfile, err := os.ReadFile(filepath.Join("..", "..", "Dockerfile"))
	require.NoError(t, err)
	var written []string
	for _, m := range regexp.MustCompile(`-X tenant-provisioning/internal/build\.(\w+)=`).FindAllSubmatch(dockerfile, -1) {
		written = append(written, string(m[1]))
	}
	require.ElementsMatch(t, []string{"version", "revision", "committed"}, declared)
	require.ElementsMatch(t, declared, written)
}
