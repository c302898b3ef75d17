package client_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var goBlock = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")

// TestReadmeQuotesTheExamples: what stands there compiles.
func TestReadmeQuotesTheExamples(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join("..", "README.md"))
	require.NoError(t, err)
	examples, err := os.ReadFile("example_test.go")
	require.NoError(t, err)
	quoted := goBlock.FindAllStringSubmatch(string(readme), -1)
	require.NotEmpty(t, quoted)
	for _, q := range quoted {
		var body strings.Builder
		for line := range strings.Lines(q[1]) {
			if line != "\n" {
				line = "\t" + line
			}
			body.WriteString(line)
		}
		require.Contains(t, string(examples), "() {\n"+body.String()+"}\n",
			"README.md quotes what is no whole Example of client/example_test.go: copy it again")
	}
}
