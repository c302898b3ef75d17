package postgres_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/migrations"
)

var (
	changes = regexp.MustCompile(`(?i)\b(UPDATE|INSERT\s+INTO|MERGE\s+INTO)\s+(?:ONLY\s+)?(?:public\.)?"?(operations|tenants)"?\b`)
	// endOfSet is what follows the assignments of an UPDATE.
	endOfSet = regexp.MustCompile(`(?i)\b(FROM|WHERE|RETURNING)\b|;`)
	// columns has the one of each table that only a transition writes.
	columns = map[string]*regexp.Regexp{
		"operations": regexp.MustCompile(`(?i)(?:\bSET|,)\s*"?state"?\s*[=,)]`),
		"tenants":    regexp.MustCompile(`(?i)(?:\bSET|,)\s*"?status"?\s*[=,)]`),
	}
	// assignment in a trigger changes the row that is about to be written.
	assignment = regexp.MustCompile(`(?im)(?:^|;|\bTHEN|\bELSE|\bBEGIN)\s*NEW\.(state|status)\s*:?=`)
	function   = regexp.MustCompile(`(?is)\$(\w*)\$.*?\$\w*\$`)
)

// writers are the statements that write an operation's state or a tenant's status.
func writers(source string) []string {
	var found []string
	for _, at := range changes.FindAllStringSubmatchIndex(source, -1) {
		verb, table := strings.ToUpper(strings.Fields(source[at[2]:at[3]])[0]), strings.ToLower(source[at[4]:at[5]])
		if verb != "UPDATE" || columns[table].MatchString(assigned(source[at[1]:])) {
			found = append(found, verb+" "+table)
		}
	}
	for range assignment.FindAllString(source, -1) {
		found = append(found, "trigger")
	}
	return found
}

// assigned is the assignments of the UPDATE that a text goes on with: the names
// of columns, also in a list, and no value in parentheses, which may have a WHERE
// of its own.
func assigned(text string) string {
	flat := ""
	var open []int // where in flat the parentheses that are open began
	for _, c := range text {
		switch {
		case c == '(':
			open = append(open, len(flat))
		case c == ')' && len(open) == 0: // the end of a common table expression, or of a call in Go
			return cut(flat)
		case c == ')':
			began := open[len(open)-1]
			open = open[:len(open)-1]
			before := strings.ToUpper(strings.TrimSpace(flat[:began]))
			if list := strings.HasSuffix(before, ",") || strings.HasSuffix(before, "SET"); list {
				flat += ")"
			} else {
				flat = flat[:began]
			}
		default:
			flat += string(c)
		}
	}
	return cut(flat)
}

func cut(text string) string {
	if end := endOfSet.FindStringIndex(text); end != nil {
		return text[:end[0]]
	}
	return text
}

// TestOnlyATransitionWritesStateAndStatus: everything else goes through it, but for
// the acceptance, which makes an operation PENDING, and what ends a tenant that was purged
// after the backup which was restored.
func TestOnlyATransitionWritesStateAndStatus(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	found := map[string][]string{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		require.NoError(t, err)
		if w := writers(string(source)); len(w) > 0 {
			found[name] = w
		}
	}
	require.Equal(t, map[string][]string{
		"transition.go": {"UPDATE operations", "UPDATE tenants"},
		"submit.go":     {"INSERT tenants", "UPDATE tenants", "INSERT operations"},
		"golive.go":     {"UPDATE operations", "UPDATE tenants"},
	}, found)

	// A migration may bring rows up to date, once; a function of the database would
	// write them ever after.
	functions := 0
	require.NoError(t, fs.WalkDir(migrations.Control(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		source, err := fs.ReadFile(migrations.Control(), name)
		for _, body := range function.FindAllString(string(source), -1) {
			functions++
			require.Empty(t, writers(body), "%s: %s", name, body)
		}
		return err
	}))
	require.NotZero(t, functions)
}

// TestAWriterIsFoundInAnyForm, and a condition on the same column is none.
func TestAWriterIsFoundInAnyForm(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string][]string{
		`UPDATE operations SET state = 'RUNNING' WHERE id = $1`:                                                      {"UPDATE operations"},
		"update public.operations o\n\tset updated_at = now(), state = $2":                                           {"UPDATE operations"},
		`UPDATE ONLY "tenants" SET version = (SELECT 1 FROM x WHERE true), "status" = 'ACTIVE'`:                      {"UPDATE tenants"},
		`UPDATE tenants t SET (version, status) = (1, 'ACTIVE') WHERE id = $1`:                                       {"UPDATE tenants"},
		`UPDATE tenants t SET (status, version) = ROW ('ACTIVE', 1)`:                                                 {"UPDATE tenants"},
		`INSERT INTO operations (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET state = 'RUNNING'`:                   {"INSERT operations"},
		`MERGE INTO tenants USING x ON true WHEN MATCHED THEN UPDATE SET status = 'ACTIVE'`:                          {"MERGE tenants"},
		"BEGIN\n\tNEW.state := 'RUNNING'; RETURN NEW; END":                                                           {"trigger"},
		"IF OLD.status = 'FAILED' THEN NEW.status = 'ACTIVE'; END IF;":                                               {"trigger"},
		`UPDATE operations SET run_id = $2 WHERE id = $1 AND (state = 'PENDING' OR state = 'RUNNING')`:               nil,
		`UPDATE operations SET run_id = (SELECT r FROM x WHERE state = 'PENDING'), started_at = now()`:               nil,
		`WITH a AS (UPDATE tenants SET version = 1) UPDATE emails SET status = 'SENT'`:                               nil,
		`UPDATE tenants SET contract_id = CASE status WHEN 'FAILED' THEN NULL ELSE $2 END WHERE id = $1`:             nil,
		`UPDATE tenants t SET archived_from = status, version = 1, from_status = 'x' WHERE id = $1`:                  nil,
		`UPDATE findings SET state = 'gone'`:                                                                         nil,
		`UPDATE operations_archive SET state = 'x'`:                                                                  nil,
		`IF NEW.status = 'ACTIVE' AND OLD.state = 'RUNNING' THEN RAISE; END IF;`:                                     nil,
		`SELECT state FROM operations WHERE state = 'RUNNING' FOR UPDATE; SELECT status FROM tenants`:                nil,
		`UPDATE tenants t SET version = coalesce(nullif(status, ''), 'x') FROM operations o WHERE status = 'ACTIVE'`: nil,
	} {
		require.Equal(t, want, writers(sql), sql)
	}
}
