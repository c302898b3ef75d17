package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// logs are what every api and worker of this suite has written, with what must not
// be in it. The suite fails at its end if it is.
var logs written

type written struct {
	mu    sync.Mutex
	tests map[string]*testLogs // by the name of the test
}

// testLogs are those of a test, and what it has used.
type testLogs struct {
	logs    []writtenLog
	private map[string]string // what it is, by its text
}

type writtenLog struct{ process, text string }

// of is a test's; that of a subtest is its test's, whose processes it uses. The
// caller holds the lock.
func (w *written) of(t testing.TB) *testLogs {
	name, _, _ := strings.Cut(t.Name(), "/")
	if w.tests == nil {
		w.tests = map[string]*testLogs{}
	}
	if w.tests[name] == nil {
		w.tests[name] = &testLogs{private: map[string]string{}}
	}
	return w.tests[name]
}

func (w *written) keep(t testing.TB, process, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.of(t)
	l.logs = append(l.logs, writtenLog{process, text})
}

// mustNotShow names a text that must not be in the logs of this test.
func (w *written) mustNotShow(t testing.TB, what string, texts ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, text := range texts {
		if utf8.RuneCountInString(text) >= 3 { // shorter ones are in every text
			w.of(t).private[text] = what
		}
	}
}

// secretSettings are those whose values nobody may read.
var secretSettings = regexp.MustCompile(`(PASSWORD|SECRET|KEYS|WEBHOOK|API_KEY)$`)

// mustNotShowSettings is mustNotShow for the environment of a process. What several
// settings hold is looked for in its parts.
func (w *written) mustNotShowSettings(t testing.TB, env map[string]string) {
	for name, value := range env {
		if secretSettings.MatchString(name) {
			for part := range strings.SplitSeq(value, ",") {
				w.mustNotShow(t, name, part)
				if _, key, several := strings.Cut(part, ":"); several && !strings.Contains(part, "//") {
					w.mustNotShow(t, name, key)
				}
			}
		}
	}
}

// mustNotShowRequest is mustNotShow for what a request says of people and tenants.
func (w *written) mustNotShowRequest(t testing.TB, body []byte) {
	var fields map[string]any
	if json.Unmarshal(body, &fields) != nil {
		return // no object
	}
	for _, name := range []string{"name", "adminEmail", "adminFirstName", "adminLastName"} {
		if text, ok := fields[name].(string); ok {
			w.mustNotShow(t, name, text)
		}
	}
}

// mustNotShowRows is mustNotShow for whatever came into the database and the mailbox
// by another way.
func (i *installation) mustNotShowRows(ctx context.Context) {
	rows, err := i.db.Query(ctx, `SELECT name, coalesce(admin_email, ''), coalesce(admin_first_name, ''), coalesce(admin_last_name, '') FROM tenants`)
	if err == nil {
		for rows.Next() {
			var name, email, first, last string
			if rows.Scan(&name, &email, &first, &last) == nil {
				logs.mustNotShow(i.t, "a row of tenants", name, email, first, last)
			}
		}
		rows.Close()
	}
	if i.mail == nil {
		return
	}
	for _, m := range i.mail.Messages() {
		for _, link := range invitationLink.FindAllString(m.Text, -1) {
			logs.mustNotShow(i.t, "the token of a link", path.Base(link))
		}
	}
}

// leaks says what the logs show, a line each.
func (w *written) leaks() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []string
	for test, l := range w.tests {
		for _, log := range l.logs {
			for text, what := range l.private {
				if at := indexWord(log.text, text); at >= 0 {
					found = append(found, fmt.Sprintf("%s: the log of %s shows %s: %s", test, log.process, what, lineAt(log.text, at)))
				}
			}
		}
	}
	slices.Sort(found)
	return found
}

// indexWord finds a text that is no part of a longer word: "Ada" is not in "Adapter".
func indexWord(log, text string) int {
	for from := 0; ; {
		at := strings.Index(log[from:], text)
		if at < 0 {
			return -1
		}
		at += from
		before, _ := utf8.DecodeLastRuneInString(log[:at])
		after, _ := utf8.DecodeRuneInString(log[at+len(text):])
		if !partOfWord(before) && !partOfWord(after) {
			return at
		}
		from = at + len(text)
	}
}

func partOfWord(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

func lineAt(log string, at int) string {
	start := strings.LastIndexByte(log[:at], '\n') + 1
	line, _, _ := strings.Cut(log[start:], "\n")
	return line
}

// report says what was found, and is the suite's exit code.
func (w *written) report(out io.Writer, code int) int {
	found := w.leaks()
	for _, leak := range found[:min(len(found), 20)] {
		fmt.Fprintln(out, "e2e:", leak)
	}
	if len(found) > 0 {
		fmt.Fprintf(out, "e2e: %d times a log shows what is secret or personal\n", len(found))
		return 1
	}
	return code
}

// TestTheLogsAreSearched: what is planted is found, as a word, and in the logs of
// its test alone.
func TestTheLogsAreSearched(t *testing.T) {
	t.Parallel()
	var w written
	w.keep(t, "worker", `{"msg":"one"}`+"\n"+`{"msg":"mail to ada.4711@hospital.example failed"}`+"\n"+`{"msg":"Adapter"}`)
	require.Zero(t, w.report(io.Discard, 0))
	w.mustNotShowRequest(t, []byte(`{"name":"Lakeside Clinic","adminEmail":"ada.4711@hospital.example","adminFirstName":"Ada","adminLastName":"Lovelace"}`))
	w.mustNotShowSettings(t, map[string]string{"PAYLOAD_KEYS": "k1:c2VjcmV0,k2:b3RoZXI=", "JWT_SECRET": "hunter2", "LOG_LEVEL": "info"})
	require.Equal(t, []string{t.Name() + `: the log of worker shows adminEmail: {"msg":"mail to ada.4711@hospital.example failed"}`}, w.leaks())
	require.Equal(t, 1, w.report(io.Discard, 0))
	w.keep(t, "api", `{"key":"b3RoZXI="}`)
	w.keep(t, "api", `{"secret":"hunter2","level":"info"}`)
	w.keep(t, "api", `the admin Ada!`)
	require.Len(t, w.leaks(), 4)
	require.Empty(t, (&written{}).leaks())
}
