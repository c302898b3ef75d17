package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rivo/uniseg"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tenant-provisioning/internal/tenant"
)

var update = flag.Bool("update", false, "write the golden files anew")

// atStep is a tenant whose steps are done up to a number, with the next one
// under way.
func atStep(name string, done int) line {
	l := line{name: name, email: "a@b.example", tenantID: "t", operationID: "o", status: tenant.StatusProvisioning, state: tenant.StateRunning}
	for i, s := range tenant.KindProvision.Steps() {
		st := step{step: s}
		switch {
		case i < done:
			st.status, st.attempts, st.duration = tenant.StepCompleted, 1, time.Duration(i*i*i)*7*time.Millisecond
		case i == done:
			st.status, st.attempts = tenant.StepInProgress, 1
		}
		l.steps = append(l.steps, st)
	}
	if done == len(tenant.KindProvision.Steps()) {
		l.status, l.state, l.seconds = tenant.StatusActive, tenant.StateSucceeded, 2.345
		l.schema, l.contract = "t_x_9b0a0f11", "CDLZFC3SYJYDZT7K67VZ75HPJVIEUVNIXF47ZG2FB2RMQQVU2HHGCYSC"
	}
	return l
}

// manyEnds is a board with a tenant in every condition.
func manyEnds() board {
	retrying := atStep("Universitätsklinikum Lübeck", 4)
	retrying.steps[4].status, retrying.steps[4].attempts = tenant.StepFailed, 3
	retrying.steps[4].err = "the RPC server does not answer"
	waiting := line{name: "مستشفى السلام", tenantID: "t", operationID: "o", status: tenant.StatusPending, state: tenant.StatePending}
	rolledBack := atStep("聖路加国際病院", 4)
	rolledBack.state, rolledBack.status = tenant.StateRolledBack, tenant.StatusFailed
	for i := 1; i < 4; i++ {
		rolledBack.steps[i].status = tenant.StepRolledBack
	}
	rolledBack.steps[4].status = tenant.StepFailed
	rolledBack.problem = "ROLLED_BACK at DEPLOY_SOROBAN_CONTRACT: the network refuses the contract"
	parked := atStep("Dr. O'Brien & Partners, Family Practice of a Long Name in a Small Town (2)", 7)
	parked.state, parked.status = tenant.StateNeedsAttention, tenant.StatusActive
	parked.steps[7].status = tenant.StepFailed
	parked.problem = "NEEDS_ATTENTION at SEND_WELCOME_EMAIL: the address is rejected"
	skipped := atStep("Skips the mail", 8)
	skipped.steps[7].status = tenant.StepSkipped
	refused := line{name: "Hostile \u202e name\x1b[2J", problem: "refused: 409 Conflict: the name is taken by another tenant, who is alive and keeps it"}
	return board{elapsed: 3240 * time.Millisecond, lines: []line{
		atStep("St. Mary's Hospital", 8), atStep("Begins", 1), retrying, waiting, rolledBack, parked, skipped, refused,
	}}
}

// TestViewGolden compares the views with what they were when somebody last
// looked at them.
func TestViewGolden(t *testing.T) {
	t.Parallel()
	for name, got := range map[string]string{
		"wide":   strings.Join(view{width: 160}.render(manyEnds()), "\n"),
		"usual":  strings.Join(view{width: 100}.render(manyEnds()), "\n"),
		"narrow": strings.Join(view{width: 80}.render(manyEnds()), "\n"),
		"colour": strings.Join(view{width: 160, colour: true}.render(manyEnds()), "\n"),
		"table":  view{}.table(manyEnds().lines),
		"blocks": view{width: 80}.table(manyEnds().lines),
		"checks": view{}.checked([]check{
			{checkSchema, "One", nil}, {checkSchema, "Two", os.ErrNotExist}, {checkContract, "One", nil}, {checkMail, "One", nil},
		}),
		"places": places{
			api: "http://127.0.0.1:3000", temporalUI: "http://127.0.0.1:8233", namespace: "tenant-provisioning", mail: "http://127.0.0.1:8025",
			tenant: "St. Mary's Hospital", invitation: "http://127.0.0.1:3000/invitations/abc",
		}.String(),
		"plain": plainLines(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join("testdata", name+".txt")
			if *update {
				require.NoError(t, os.MkdirAll("testdata", 0o750))
				require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err, "run the test with -update and look at the new file")
			require.Equal(t, string(want), got)
		})
	}
}

// plainLines shows a tenant's way line by line, with frames that repeat.
func plainLines() string {
	var out bytes.Buffer
	p := newPlain(&out)
	for done := range len(tenant.KindProvision.Steps()) + 1 {
		b := board{elapsed: time.Duration(done) * 300 * time.Millisecond, lines: []line{atStep("St. Mary's Hospital", done)}}
		p.show(b)
		p.show(b)
	}
	p.show(board{elapsed: 5 * time.Second, lines: manyEnds().lines[1:]})
	return out.String()
}

// TestNoLineIsWiderThanTheTerminal would wrap, and then the next frame would be
// drawn in the wrong place.
func TestNoLineIsWiderThanTheTerminal(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.IntRange(24, 200).Draw(t, "width")
		l := atStep(rapid.String().Draw(t, "name"), rapid.IntRange(0, 8).Draw(t, "done"))
		if rapid.Bool().Draw(t, "problem") {
			l.problem = rapid.String().Draw(t, "text")
			l.steps = l.steps[:rapid.SampledFrom([]int{0, 8}).Draw(t, "steps")]
		}
		for _, text := range (view{width: width}).render(board{elapsed: time.Minute, lines: []line{l}}) {
			require.LessOrEqual(t, uniseg.StringWidth(text), width, "%q", text)
			require.NotContains(t, text, "\n")
		}
	})
}

func TestRedrawnGoesBackToTheFirstLine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	width := 160
	r := &redrawn{w: &out, width: func() int { return width }}
	b := board{lines: []line{atStep("One", 1), atStep("Two", 2)}}
	r.show(b)
	require.Equal(t, 5, strings.Count(out.String(), "\n"))
	require.NotContains(t, out.String(), "\x1b[5A")
	out.Reset()
	r.show(b)
	require.True(t, strings.HasPrefix(out.String(), "\x1b[5A\r\x1b[2K"), "%q", out.String())
}

func TestBoardIsGoodOnlyWhenAllIsWell(t *testing.T) {
	t.Parallel()
	good := atStep("One", 8)
	for _, bad := range manyEnds().lines[1:6] {
		require.False(t, board{lines: []line{good, bad}}.good(), bad.name)
	}
	require.True(t, board{lines: []line{good}}.good())
	require.True(t, board{lines: manyEnds().lines[4:]}.settled())
	for _, open := range manyEnds().lines[1:4] {
		require.False(t, board{lines: []line{good, open}}.settled(), open.name)
	}
}
