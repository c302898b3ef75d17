package postgres_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/tenant"
)

// declares keeps an incident with its first update.
func (b testBundle) declares(t *testing.T, title, public string) (tenant.DeclaredIncident, error) {
	t.Helper()
	i, err := tenant.DeclaredIncident{Title: title}.Declare(tenant.DeclaredChange{
		Action: tenant.ActionOpenIncident, Message: "customers call", Public: public, Severity: tenant.SeverityMajor,
		Components: []tenant.Component{tenant.ComponentMail, tenant.ComponentAPI}, Actor: "ada",
	}, time.Now().Truncate(time.Microsecond))
	require.NoError(t, err)
	return postgres.NewDeclared(b.pool).Open(b.ctx, i, entryOf)
}

func entryOf(i tenant.DeclaredIncident) tenant.AuditEntry {
	return tenant.AuditEntry{Actor: "ada", Action: "incident-update", Outcome: tenant.OutcomeAccepted, Detail: i.ID.String()}
}

// TestADeclaredIncidentIsKept as it is, with what was said of it and the entry in the
// audit log, or not at all.
func TestADeclaredIncidentIsKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ds := postgres.NewDeclared(b.pool)
	i, err := b.declares(t, "Mails are late", "E-mails arrive with delay.")
	require.NoError(t, err)
	found, err := ds.Find(b.ctx, i.ID)
	require.NoError(t, err)
	require.WithinDuration(t, i.DetectedAt, found.DetectedAt, 0)
	require.Equal(t, []tenant.Component{tenant.ComponentAPI, tenant.ComponentMail}, found.Components)
	require.Len(t, found.Updates, 1)
	require.Equal(t, []tenant.ResponseStep{tenant.ResponseDetection}, found.Updates[0].Done)

	_, err = ds.Change(b.ctx, i.ID, func(tenant.DeclaredIncident) (tenant.DeclaredIncident, error) {
		return tenant.DeclaredIncident{}, errors.New("refused")
	}, entryOf)
	require.ErrorContains(t, err, "refused")
	changed, err := ds.Change(b.ctx, i.ID, func(i tenant.DeclaredIncident) (tenant.DeclaredIncident, error) {
		return i.Change(tenant.DeclaredChange{Action: tenant.ActionResolveIncident, Message: "mended", Actor: "ada"}, time.Now())
	}, entryOf)
	require.NoError(t, err)
	found, err = ds.Find(b.ctx, i.ID)
	require.NoError(t, err)
	require.WithinDuration(t, changed.ResolvedAt, found.ResolvedAt, time.Microsecond)
	require.Equal(t, tenant.ResponseVerification, found.Step())
	require.Equal(t, 2, b.count(t, `SELECT count(*) FROM audit_log WHERE action = 'incident-update'`))
	require.Equal(t, 2, b.count(t, `SELECT count(*) FROM events WHERE data->>'declared' = 'INC-000001'`))
	_, err = ds.Find(b.ctx, 99)
	require.ErrorIs(t, err, tenant.ErrNotFound)
}

// TestATimelineSaysWhereLogsHaveGone that it would tell of, and of no others.
func TestATimelineSaysWhereLogsHaveGone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	i, err := b.declares(t, "Mails are late", "")
	require.NoError(t, err)
	from := time.Date(2026, 11, 30, 2, 0, 0, 0, time.UTC)
	until := from.Add(time.Hour + time.Millisecond)
	all := func() []tenant.TimelineEntry {
		all, err := postgres.NewDeclared(b.pool).Timeline(b.ctx, i.ID, from, until)
		require.NoError(t, err)
		return all
	}
	archive := func(name string, from, to time.Time) {
		b.mustExec(t, `INSERT INTO log_archives (name, rows, from_at, to_at, bytes, sha256) VALUES ($1, 1, $2, $3, 1, sha256('x'))`, name, from, to)
	}
	none := all()
	archive("before", from.Add(-time.Hour), from.Add(-time.Microsecond))
	archive("after", until.Add(time.Microsecond), until.Add(time.Hour))
	require.Equal(t, none, all())
	for n, edge := range []time.Time{from, until} {
		archive(edge.String(), edge, edge)
		moved := all()
		require.Len(t, moved, len(none)+1, n)
		require.Contains(t, moved[0].Text, "starter logs --since 2026-11-30T02:00:00Z --until 2026-11-30T03:00:01Z")
		require.True(t, moved[0].At.Equal(from))
		b.mustExec(t, `DELETE FROM log_archives WHERE name = $1`, edge.String())
	}
}

// TestOfTwoWhoResolveOneDoes.
func TestOfTwoWhoResolveOneDoes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	i, err := b.declares(t, "Mails are late", "")
	require.NoError(t, err)
	var all sync.WaitGroup
	var mu sync.Mutex
	refused := 0
	for range 6 {
		all.Go(func() {
			_, err := postgres.NewDeclared(b.pool).Change(b.ctx, i.ID, func(i tenant.DeclaredIncident) (tenant.DeclaredIncident, error) {
				return i.Change(tenant.DeclaredChange{Action: tenant.ActionResolveIncident, Message: "mended", Actor: "ada"}, time.Now())
			}, entryOf)
			if _, is := errors.AsType[*tenant.DeclaredRefusedError](err); is {
				mu.Lock()
				defer mu.Unlock()
				refused++
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.Equal(t, 5, refused)
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM declared_incident_updates WHERE kind = 'resolved'`))
}

// TestThePublicReadsNoTenantsName: as a word of its own, whatever is in it.
func TestThePublicReadsNoTenantsName(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, name := range []string{"Charité", "St. Mary (North)", "Mail"} {
		b.accept(t, name)
	}
	for public, named := range map[string]string{
		"Mails to Charité are late.": "Charité", "St. Mary (North) waits.": "St. Mary (North)", "Mail is late.": "Mail",
		"Mails are late.": "", "E-mail is late.": "", "St. Mary waits.": "",
	} {
		_, err := b.declares(t, "Mails are late", public)
		if named == "" {
			require.NoError(t, err, public)
			continue
		}
		require.ErrorContains(t, err, `it must name no tenant, and has "`+named+`"`)
	}
	require.Equal(t, 3, b.count(t, `SELECT count(*) FROM declared_incidents`))
}
