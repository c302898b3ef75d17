package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// psqlInstead is a directory with a psql for machines that have none: this test
// program by another name. What the pages ask is asked all the same.
func psqlInstead(t testing.TB) string {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.Symlink(self, filepath.Join(dir, "psql")))
	return dir
}

// calledPsql tells that this process is to be psql.
func calledPsql() bool { return filepath.Base(os.Args[0]) == "psql" }

// psql asks what is given by -c of the database that PGHOST and the like name,
// and returns the exit code.
func psql(args []string) int {
	flags := flag.NewFlagSet("psql", flag.ContinueOnError)
	sql := flags.String("c", "", "what to ask")
	if flags.Parse(args) != nil || *sql == "" || flags.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "psql: only -c SQL is known here")
		return 1
	}
	if err := ask(context.Background(), *sql); err != nil {
		fmt.Fprintln(os.Stderr, "psql:", err)
		return 1
	}
	return 0
}

func ask(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, "")
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	results, err := conn.PgConn().Exec(ctx, sql).ReadAll()
	if err != nil {
		return err
	}
	for _, result := range results {
		for _, row := range result.Rows {
			values := make([]string, len(row))
			for n, value := range row {
				values[n] = string(value)
			}
			fmt.Println(strings.Join(values, " | "))
		}
	}
	return nil
}
