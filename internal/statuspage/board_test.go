package statuspage_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/postgres/postgrestest"
	"tenant-provisioning/internal/statuspage"
	"tenant-provisioning/internal/tenant"
)

// deadline is far beyond what anything here takes.
const deadline = 2 * time.Minute

// bench is a platform that can be made to look bad, and its history.
type bench struct {
	pool *pgxpool.Pool
	file string
	seen atomic.Pointer[statuspage.Seen]
}

func setup(t *testing.T) *bench {
	t.Helper()
	b := &bench{pool: postgrestest.New(t), file: filepath.Join(t.TempDir(), "status.json")}
	b.looks(statuspage.Seen{Database: true, Temporal: true, Workers: true})
	return b
}

func (b *bench) looks(s statuspage.Seen) { b.seen.Store(&s) }

func (b *bench) board(t *testing.T) *statuspage.Board {
	t.Helper()
	board, err := statuspage.New(statuspage.Config{
		Look: func(context.Context) statuspage.Seen { return *b.seen.Load() }, History: postgres.NewStatusHistory(b.pool),
		File: b.file, URL: "https://tenants.example.org", Logger: slog.New(slog.DiscardHandler), Now: time.Now, Every: 10 * time.Millisecond,
	})
	require.NoError(t, err)
	return board
}

// process is an api's board that looks.
type process struct {
	*statuspage.Board
	stop func()
}

// runs has a board look, as long as the test lasts.
func (b *bench) runs(t *testing.T) process {
	t.Helper()
	board := b.board(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		board.Run(ctx)
	}()
	stop := func() {
		cancel()
		<-ended
	}
	t.Cleanup(stop)
	return process{board, stop}
}

func report(t *testing.T, board *statuspage.Board) statuspage.Report {
	t.Helper()
	var r statuspage.Report
	require.NoError(t, json.Unmarshal(board.Documents().JSON.Body, &r))
	return r
}

// says waits until a board does.
func says(t *testing.T, board *statuspage.Board, want map[statuspage.Component]statuspage.State) {
	t.Helper()
	var last statuspage.Report
	require.Eventually(t, func() bool {
		last = report(t, board)
		for _, c := range last.Components {
			if c.State != want[c.Component] {
				return false
			}
		}
		return true
	}, deadline, 5*time.Millisecond, "%v", &last)
}

var well = map[statuspage.Component]statuspage.State{
	statuspage.API: statuspage.Operational, statuspage.Provisioning: statuspage.Operational, statuspage.Data: statuspage.Operational,
	statuspage.Ledger: statuspage.Operational, statuspage.Mail: statuspage.Operational,
}

func but(is statuspage.State, components ...statuspage.Component) map[statuspage.Component]statuspage.State {
	states := map[statuspage.Component]statuspage.State{}
	for c, s := range well {
		states[c] = s
	}
	for _, c := range components {
		states[c] = is
	}
	return states
}

// TestThePageGoesOnWithoutTheDatabase, also over a restart, and the time without it is
// history afterwards: once, although two apis have seen it.
func TestThePageGoesOnWithoutTheDatabase(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one, two := b.runs(t), b.runs(t)
	for _, p := range []process{one, two} {
		says(t, p.Board, well)
	}
	ledger := tenant.Incident{ID: 7, Dependency: tenant.DependencyLedger, Cause: "rpc.inside.example does not answer"}
	b.looks(statuspage.Seen{Database: true, Temporal: true, Workers: true, Incidents: []tenant.Incident{ledger}})
	disturbed := but(statuspage.Outage, statuspage.Ledger)
	disturbed[statuspage.Provisioning] = statuspage.Degraded
	says(t, one.Board, disturbed)
	says(t, two.Board, disturbed)

	b.looks(statuspage.Seen{})
	gone := but(statuspage.Outage, statuspage.API, statuspage.Provisioning, statuspage.Data, statuspage.Ledger)
	says(t, one.Board, gone)
	says(t, two.Board, gone)
	at := report(t, one.Board).AsOf
	require.False(t, at.IsZero(), "it says how old the rest is")
	require.Eventually(t, func() bool {
		raw, err := os.ReadFile(b.file)
		require.NoError(t, err)
		var kept struct {
			States map[statuspage.Component]statuspage.Change
		}
		require.NoError(t, json.Unmarshal(raw, &kept))
		return kept.States[statuspage.API].State == statuspage.Outage
	}, deadline, 5*time.Millisecond)
	restarted := b.board(t)
	says(t, restarted, gone)
	require.NotEmpty(t, report(t, restarted).AsOf)
	one.stop()
	two.stop()
	one, two = b.runs(t), b.runs(t)
	says(t, one.Board, gone)

	b.looks(statuspage.Seen{Database: true, Temporal: true, Workers: true})
	says(t, one.Board, well)
	says(t, two.Board, well)
	var changes int
	require.Eventually(t, func() bool {
		require.NoError(t, b.pool.QueryRow(t.Context(), `SELECT count(*) FROM status_changes WHERE component = 'api'`).Scan(&changes))
		return changes >= 3
	}, deadline, 5*time.Millisecond)
	require.Equal(t, 3, changes, "works, does not, works again")
}

// TestASingleLookChangesNothing: what is over at the next one was none.
func TestASingleLookChangesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	says(t, b.runs(t).Board, well)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	looks := make(chan statuspage.Seen)
	board, err := statuspage.New(statuspage.Config{
		Look: func(ctx context.Context) statuspage.Seen {
			select {
			case s := <-looks:
				return s
			case <-ctx.Done():
				return statuspage.Seen{}
			}
		},
		History: postgres.NewStatusHistory(b.pool), URL: "https://tenants.example.org", Logger: slog.New(slog.DiscardHandler), Now: time.Now, Every: time.Millisecond,
	})
	require.NoError(t, err)
	go board.Run(ctx)
	well := *b.seen.Load()
	for range 20 {
		for _, s := range []statuspage.Seen{well, {Database: true, Temporal: true}, well} {
			looks <- s // the one before is shown by then
			require.NotEqual(t, statuspage.Outage, report(t, board).State)
		}
	}
}

// TestWhatIsPublicOfAnIncident is not its cause.
func TestWhatIsPublicOfAnIncident(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.pool.Exec(t.Context(), `INSERT INTO incidents (dependency, cause, affected) VALUES ('ledger', 'https://rpc.inside.example/key answers 401', 12)`)
	require.NoError(t, err)
	board := b.runs(t).Board
	require.Eventually(t, func() bool { return len(report(t, board).Incidents) == 1 }, deadline, 5*time.Millisecond)
	d := board.Documents()
	for _, form := range []statuspage.Document{d.HTML, d.JSON, d.Atom} {
		require.Contains(t, string(form.Body), "Contracts are made and changed with delay")
		require.NotContains(t, string(form.Body), "inside")
		require.NotContains(t, string(form.Body), "401")
	}
}

// TestWhatPeopleTellOfAnIncident is on the page in each form, its components are
// disturbed while it lasts, and what is said for staff stays inside.
func TestWhatPeopleTellOfAnIncident(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ds := postgres.NewDeclared(b.pool)
	entry := func(tenant.DeclaredIncident) tenant.AuditEntry {
		return tenant.AuditEntry{Actor: "ada", Action: "incident-open", Outcome: tenant.OutcomeAccepted}
	}
	open := func(title, public string) tenant.DeclaredIncident {
		i, err := tenant.DeclaredIncident{Title: title}.Declare(tenant.DeclaredChange{
			Action: tenant.ActionOpenIncident, Message: "smtp.inside.example refuses", Public: public, Severity: tenant.SeverityCritical,
			Components: []tenant.Component{tenant.ComponentMail}, Actor: "ada",
		}, time.Now())
		require.NoError(t, err)
		i, err = ds.Open(t.Context(), i, entry)
		require.NoError(t, err)
		return i
	}
	i := open("inside: mails", "E-mails arrive with delay.")
	open("inside: nobody is told of this", "")
	change := func(c tenant.DeclaredChange) {
		c.Actor, c.Message = "ada", "inside"
		_, err := ds.Change(t.Context(), i.ID, func(i tenant.DeclaredIncident) (tenant.DeclaredIncident, error) { return i.Change(c, time.Now()) }, entry)
		require.NoError(t, err)
	}
	change(tenant.DeclaredChange{Action: tenant.ActionUpdateIncident, Public: "One in three <waits>."})
	change(tenant.DeclaredChange{Action: tenant.ActionUpdateIncident})
	seen := func() {
		told, err := ds.Told(t.Context(), time.Now())
		require.NoError(t, err)
		b.looks(statuspage.Seen{Database: true, Temporal: true, Workers: true, Declared: told})
	}
	seen()
	board := b.runs(t).Board
	says(t, board, but(statuspage.Outage, statuspage.Mail))
	require.Eventually(t, func() bool { return len(report(t, board).Incidents) == 1 }, deadline, 5*time.Millisecond)
	told := report(t, board).Incidents[0]
	require.Equal(t, "Disturbance: E-mail", told.Title)
	require.Equal(t, "inc-000001", told.ID)
	require.Equal(t, []string{"One in three <waits>.", "E-mails arrive with delay."}, []string{told.Messages[0].Text, told.Messages[1].Text})
	d := board.Documents()
	for _, form := range []statuspage.Document{d.HTML, d.JSON, d.Atom} {
		require.Contains(t, string(form.Body), "E-mails arrive with delay.")
		require.NotContains(t, string(form.Body), "<waits>")
		require.NotContains(t, string(form.Body), "inside")
		require.NotContains(t, string(form.Body), "ada")
	}

	change(tenant.DeclaredChange{Action: tenant.ActionResolveIncident, Public: "All e-mails have arrived."})
	seen()
	says(t, board, well)
	require.Eventually(t, func() bool { return !report(t, board).Incidents[0].EndedAt.IsZero() }, deadline, 5*time.Millisecond)
	require.Contains(t, string(board.Documents().Atom.Body), "Over: Disturbance: E-mail")
}

// TestWindowsAreToldOfInTime: those under way and of the next weeks, and nothing else.
func TestWindowsAreToldOfInTime(t *testing.T) {
	t.Parallel()
	now := time.Now()
	at := func(id string, s tenant.WindowState, days int) tenant.Window {
		return tenant.Window{ID: tenant.WindowID(id), State: s, Title: id, Note: "by Ada", StartsAt: now.AddDate(0, 0, days), EndsAt: now.AddDate(0, 0, days).Add(time.Hour)}
	}
	got := statuspage.Announced([]tenant.Window{
		at("over", tenant.WindowCompleted, -1), at("running", tenant.WindowRunning, 0), at("skipped", tenant.WindowSkipped, 2),
		at("next", tenant.WindowPlanned, 20), at("far", tenant.WindowPlanned, 60),
	}, now)
	require.Len(t, got, 2)
	require.Equal(t, "window-running", got[0].ID)
	require.True(t, got[0].Running)
	require.Equal(t, "window-next", got[1].ID)
}
