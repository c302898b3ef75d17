package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// patience is how long a test waits for what must happen. The longest that
	// the product promises to take is the minute after which a mail in doubt is
	// repeated; the rest is for machines that are busy with other tests.
	patience = 4 * time.Minute
	// glance is the pause between two looks.
	glance = 100 * time.Millisecond
	// parallel is how many tests run at a time: they wait for time-outs more
	// than they compute.
	parallel = "16"
)

func TestMain(m *testing.M) {
	if calledPsql() {
		os.Exit(psql(os.Args[1:]))
	}
	if dir := os.Getenv(diskSetting); dir != "" {
		fmt.Fprintln(os.Stderr, "e2e:", execOnDisk(dir, os.Args[1:]))
		os.Exit(1)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if err := flag.Set("test.parallel", parallel); err != nil { // -parallel overrides it
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	defer binaries.remove()
	defer sharedLedger.stop()
	return logs.report(os.Stderr, m.Run())
}

// binaries are the programs under test, built once.
var binaries programs

type programs struct {
	once sync.Once
	dir  string
	made string // what remove removes
	err  error
}

// path is where a program is.
func (p *programs) path(t testing.TB, name string) string {
	t.Helper()
	p.once.Do(func() { p.dir, p.err = p.build() })
	require.NoError(t, p.err)
	return filepath.Join(p.dir, name)
}

func (p *programs) build() (string, error) {
	if given := os.Getenv("E2E_BIN"); given != "" {
		return filepath.Abs(given)
	}
	dir, err := os.MkdirTemp("", "e2e")
	if err != nil {
		return "", fmt.Errorf("make a directory for the binaries: %w", err)
	}
	p.made = dir
	// As go test compiles, so that nothing is compiled twice.
	cmd := exec.Command("go", "build", "-ldflags", "-s -w", "-o", dir, "./api", "./worker", "./starter")
	cmd.Dir = filepath.Join("..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the binaries: %w\n%s", err, out)
	}
	return dir, nil
}

func (p *programs) remove() {
	if p.made != "" {
		_ = os.RemoveAll(p.made) // a temporary directory: the system removes it otherwise
	}
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	over := time.NewTimer(patience)
	defer over.Stop()
	look := time.NewTicker(glance)
	defer look.Stop()
	for !condition() {
		select {
		case <-over.C:
			require.FailNow(t, "waited in vain", what)
		case <-look.C:
		}
	}
}
