package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/postgres/postgrestest"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/output"
)

// finish does to waiting operations what a worker's run would have written in the
// end.
const finish = `WITH done AS (
		UPDATE operations SET state = 'SUCCEEDED', pivot_passed = true, finished_at = now(), updated_at = now()
		WHERE state = 'PENDING' AND tenant_id IN (SELECT id FROM tenants WHERE name LIKE $1) RETURNING tenant_id, from_status, to_status)
	UPDATE tenants SET status = to_status, activated_at = coalesce(activated_at, now()), name_held = to_status NOT IN ('ARCHIVED', 'DELETED'),
		admin_email = CASE WHEN to_status <> 'DELETED' THEN admin_email END,
		admin_first_name = CASE WHEN to_status <> 'DELETED' THEN admin_first_name END,
		admin_last_name = CASE WHEN to_status <> 'DELETED' THEN admin_last_name END,
		purge_after = CASE to_status WHEN 'ARCHIVED' THEN now() + interval '30 days' END,
		archived_from = CASE to_status WHEN 'ARCHIVED' THEN from_status END
	FROM done WHERE id = tenant_id`

// hospitals makes n tenants in use.
func (b *bundle) hospitals(n int) []string {
	b.t.Helper()
	b.accepted(n)
	b.exec(finish, "%")
	var list output.Tenants
	b.good(&list, "list", "--status", "ACTIVE")
	ids := make([]string, n)
	for i, t := range list.Items {
		ids[n-1-i] = string(t.ID)
	}
	return ids
}

// TestTheLifeOfATenant from use to the archive and back, each command waiting for
// its end.
func TestTheLifeOfATenant(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.hospitals(1)[0]
	postgrestest.MakeUsers(t, b.pool, tenant.ID(id))
	b.work(finish, "%")
	for _, c := range []struct {
		verb  string
		after tenant.Status
	}{
		{"suspend", tenant.StatusSuspended},
		{"resume", tenant.StatusActive},
		{"archive", tenant.StatusArchived},
		{"undelete", tenant.StatusActive},
		{"invite", tenant.StatusActive},
		{"archive", tenant.StatusArchived},
		{"purge", tenant.StatusDeleted},
	} {
		var a output.Accepted
		b.good(&a, c.verb, id, "--reason", "INC-1", "--wait", "--actor", "ada")
		require.Equal(t, c.after, a.Tenant.Status)
		require.Equal(t, tenant.StateSucceeded, a.Operation.State)
		require.Equal(t, c.verb, a.Operation.Kind.Verb())
		require.Equal(t, c.after == tenant.StatusArchived, a.Tenant.PurgeAfter != nil)
		require.Equal(t, 1, b.count(`audit_log WHERE operation_id = $1 AND action = $2 AND outcome = 'accepted' AND actor = 'ada' AND reason = 'INC-1'`, a.Operation.ID, c.verb))
		r := b.run("status", id)
		require.Equal(t, exitOK, r.code, "%s: what was meant to be needs nobody: %s", c.verb, r.errors)
		require.Regexp(t, `kind +`+c.verb+`\n`, r.out)
		require.Contains(t, b.run("list", "--status", string(c.after)).out, id)
	}
}

func TestWhatTheTenantRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.hospitals(1)[0]
	r := b.run("resume", id)
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.errors, "resume is refused: the tenant is ACTIVE, which allows: suspend, archive, invite")

	var a, again output.Accepted
	b.good(&a, "suspend", id, "--reason", "INC-1", "--idempotency-key", "k")
	require.Equal(t, a.Operation.ID, a.Tenant.OpenOperation.ID)
	b.good(&again, "suspend", id, "--reason", "INC-1", "--idempotency-key", "k")
	require.Equal(t, a.Operation.ID, again.Operation.ID)
	r = b.run("archive", id, "--reason", "INC-2")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.errors, "archive is refused: the tenant's operation "+string(a.Operation.ID)+" (suspend) is PENDING")
	require.Contains(t, r.errors, "starter status "+string(a.Operation.ID))
	r = b.run("suspend", string(a.Operation.ID), "--reason", "wrong id")
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.errors, "Its tenant is "+id+":\n  starter suspend "+id+" --reason TEXT")

	require.Equal(t, exitOK, b.run("rollback", string(a.Operation.ID), "--reason", "they have paid").code)
	r = b.run("status", id)
	require.Equal(t, exitOK, r.code, "the tenant is as it was")
	require.Regexp(t, `(?m)^status +ACTIVE$`, r.out)
}

// TestAnArchiveIsTakenBackUnderANewName, one at a time.
func TestAnArchiveIsTakenBackUnderANewName(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.hospitals(1)[0]
	require.Equal(t, exitOK, b.run("archive", id, "--reason", "INC-1").code)
	b.exec(finish, "%")
	b.hospitals(1) // of the same name
	r := b.run("undelete", id)
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.errors, "the name is taken by another tenant by now; give the tenant a new one\nGive it with --name NAME")
	for _, c := range []struct {
		says string
		args []string
	}{
		{"--name must have 3 to 100 characters", []string{"undelete", id, "--name", "ab"}},
		{"--name must not be empty", []string{"undelete", id, "--name", ""}},
		{"a new name is for one tenant: leave --status out, or the id and the name", []string{"undelete", id, "--name", "Lakeside", "--status", "ARCHIVED"}},
		{"leave the id out, or the filter", []string{"undelete", id, "--status", "ARCHIVED"}},
		{"leave the id out, or the filter", []string{"suspend", id, "--name", "Lakeside", "--reason", "INC-2"}},
	} {
		r := b.run(c.args...)
		require.Equal(t, exitUsage, r.code, c.args)
		require.Contains(t, r.errors, c.says)
	}
	require.Contains(t, b.run("undelete", "--name", "Lakeside", "--yes").out, "nothing is selected", "without an id it is a filter")
	var a output.Accepted
	b.good(&a, "undelete", id, "--name", " Lakeside ", "--reason", "INC-3")
	require.Equal(t, "Lakeside", a.Operation.NewName)
	require.Regexp(t, `(?m)^new name +Lakeside$`, b.run("status", id).out)
}

// TestManyTenantsAreSuspended by a filter: shown first, and done when their number
// is typed; what has an operation already is refused alone.
func TestManyTenantsAreSuspended(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ids := b.hospitals(3)
	args := []string{"suspend", "--status", "active", "--name", "hospital i", "--reason", "INC-1", "--rate", "100"}
	for _, typed := range []string{"", "yes\n", "2\n"} {
		r := b.typing(typed, args...)
		require.Equal(t, exitUsage, r.code, r.errors)
		require.Contains(t, r.errors, "suspend: 3 tenants")
		for _, id := range ids {
			require.Contains(t, r.errors, id)
		}
		require.Zero(t, b.count(`operations WHERE kind = 'suspend'`))
	}
	require.Equal(t, exitOK, b.run("archive", ids[1], "--reason", "INC-0").code)
	results := filepath.Join(b.dir, "results")
	r := b.typing("3\n", append(args, "--results", results)...)
	require.Equal(t, exitAttention, r.code, r.errors)
	require.Contains(t, r.out, "2 accepted, 1 refused, 0 not reached")
	require.Contains(t, r.out, "  "+ids[1]+"  ")
	require.Contains(t, r.errors, "archive PENDING")
	lines, err := os.ReadFile(results)
	require.NoError(t, err)
	require.Equal(t, 2, bytes.Count(lines, []byte(`"outcome":"accepted"`)))
	require.Equal(t, 2, b.count(`operations WHERE kind = 'suspend'`))

	b.exec(finish, "%")
	require.Contains(t, b.run("suspend", "--status", "ACTIVE", "--reason", "INC-1", "--yes").out, "nothing is selected that allows suspend")
	r = b.run("resume", "--name", "hospital", "--yes")
	require.Equal(t, exitOK, r.code, r.errors)
	require.Contains(t, r.out, "2 accepted, 0 refused, 0 not reached")
	require.Equal(t, 2, strings.Count(r.errors, "SUSPENDED"))
}

// TestAFilterResetsNoPassword: it invites those alone who have none yet. One tenant at
// a time, whoever has the settings of the control plane may.
func TestAFilterResetsNoPassword(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ids := b.hospitals(2)
	for n, id := range ids {
		users := postgrestest.MakeUsers(t, b.pool, tenant.ID(id))
		if n == 0 {
			b.exec(`UPDATE ` + users + ` SET password_hash = 'hash'`)
		}
	}
	r := b.typing("2\n", "invite", "--status", "active", "--reason", "INC-1", "--rate", "100")
	require.Equal(t, exitAttention, r.code, r.errors)
	require.Contains(t, r.errors, "invite: 2 tenants")
	require.Contains(t, r.out, "1 accepted, 1 refused, 0 not reached")
	require.Contains(t, r.out, ids[0]+"  ")
	require.Contains(t, r.out, "a password was set already")
	require.Equal(t, 1, b.count(`audit_log WHERE action = 'invite' AND outcome = 'refused' AND tenant_id = $1 AND reason = 'INC-1'`, ids[0]))
	require.Zero(t, b.count(`operations WHERE kind = 'invite' AND tenant_id = $1`, ids[0]))

	var a output.Accepted
	b.good(&a, "invite", ids[0], "--reason", "INC-1")
	require.Equal(t, tenant.KindInvite, a.Operation.Kind)
	r = b.run("invite", ids[0])
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.errors, "invite is refused: the tenant's operation "+string(a.Operation.ID)+" (invite) is PENDING")
	require.Equal(t, exitOK, b.run("suspend", ids[0], "--reason", "INC-2").code, "an invitation keeps nothing from being done")
	require.Contains(t, b.run("status", string(a.Operation.ID)).out, "given up for a later operation (suspend)")
}
