package postgres_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/invitation"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/postgres/postgrestest"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/migrations"
)

// invited is an active tenant whose administrator has a link.
type invited struct {
	pool        *pgxpool.Pool
	invitations *postgres.Invitations
	id          tenant.ID
	schema      string
	token       string
}

func invite(t *testing.T) invited {
	t.Helper()
	pool := postgrestest.New(t)
	id, err := tenant.NewID()
	require.NoError(t, err)
	in := invited{
		pool: pool, invitations: postgres.NewInvitations(pool), id: id,
		schema: `t_"quoted"; DROP TABLE tenants; --`, token: "AZaz09-_AZaz09-_AZaz09-_AZaz09-_AZaz09-_AZa",
	}
	template, err := migrations.Tenant()
	require.NoError(t, err)
	schema := pgx.Identifier{in.schema}.Sanitize()
	in.exec(t, `INSERT INTO tenants (id, name, name_key, slug, schema_name, role_name, app_login, status, admin_email, admin_first_name, admin_last_name, tier, region)
		VALUES ($1, 'Charité', 'charité', 'charite', $2, $2, 'app', 'ACTIVE', 'new@charite.example', 'New', 'Name', 'standard', 'default')`, string(id), in.schema)
	in.exec(t, `CREATE SCHEMA `+schema)
	in.exec(t, `SELECT run_script($1)`, template.For(schema, pgx.Identifier{pool.Config().ConnConfig.User}.Sanitize()))
	in.exec(t, `INSERT INTO `+in.table("roles")+` (name, description) VALUES ('admin', '')`)
	in.exec(t, `INSERT INTO `+in.table("users")+` (id, email, first_name, last_name, role) VALUES ($1, 'ada@charite.example', 'Ada', 'Lovelace', 'admin')`, id.AdministratorID())
	in.link(t, in.token, time.Hour)
	return in
}

func (in invited) table(name string) string { return pgx.Identifier{in.schema, name}.Sanitize() }

func (in invited) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	_, err := in.pool.Exec(context.Background(), sql, args...)
	require.NoError(t, err)
}

func (in invited) link(t *testing.T, token string, valid time.Duration) {
	t.Helper()
	in.exec(t, `INSERT INTO invitations (token_hash, tenant_id, user_id, expires_at) VALUES ($1, $2, $3, now() + $4)`,
		invitation.TokenHash(token), string(in.id), in.id.AdministratorID(), valid)
}

func (in invited) passwordHash(t *testing.T) string {
	t.Helper()
	var hash *string
	require.NoError(t, in.pool.QueryRow(t.Context(), `SELECT password_hash FROM `+in.table("users")).Scan(&hash))
	if hash == nil {
		return ""
	}
	return *hash
}

func (in invited) person(t *testing.T) (person string) {
	t.Helper()
	require.NoError(t, in.pool.QueryRow(t.Context(), `SELECT concat_ws(' ', email, first_name, last_name) FROM `+in.table("users")+` WHERE id = $1`, in.id.AdministratorID()).Scan(&person))
	return person
}

func (in invited) auditRows(t *testing.T) int {
	t.Helper()
	var n int
	require.NoError(t, in.pool.QueryRow(t.Context(), `SELECT count(*) FROM `+in.table("audit_logs")+` WHERE action = 'password_set' AND user_id = $1`,
		in.id.AdministratorID()).Scan(&n))
	return n
}

func TestInvitationIsUsedOnce(t *testing.T) {
	t.Parallel()
	in := invite(t)
	found, err := in.invitations.Find(t.Context(), in.token)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(time.Hour), found.ExpiresAt, time.Minute)
	found.ExpiresAt = time.Time{}
	require.Equal(t, invitation.Invitation{
		TenantName: "Charité", FirstName: "New", LastName: "Name", Email: "new@charite.example",
	}, found, "the person is who got the link, not who signs in until it is used")

	require.NoError(t, in.invitations.Accept(t.Context(), in.token, "first"))
	require.Equal(t, "first", in.passwordHash(t))
	require.Equal(t, "new@charite.example New Name", in.person(t))
	require.Equal(t, 1, in.auditRows(t))

	require.ErrorIs(t, in.invitations.Accept(t.Context(), in.token, "second"), invitation.ErrUsed)
	_, err = in.invitations.Find(t.Context(), in.token)
	require.ErrorIs(t, err, invitation.ErrUsed)
	require.Equal(t, "first", in.passwordHash(t))
	require.Equal(t, 1, in.auditRows(t))
}

func TestOneOfManyUsesAtOnceWins(t *testing.T) {
	t.Parallel()
	in := invite(t)
	// All of them come while the row is locked, so that they go on at once.
	lock, err := in.pool.Begin(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = lock.Rollback(context.Background()) }) // a pool with a transaction in it does not close
	_, err = lock.Exec(t.Context(), `SELECT FROM invitations FOR UPDATE`)
	require.NoError(t, err)
	const people = 4
	errs := make([]error, people)
	var all sync.WaitGroup
	for n := range people {
		all.Go(func() { errs[n] = in.invitations.Accept(t.Context(), in.token, fmt.Sprintf("hash %d", n)) })
	}
	require.Eventually(t, func() bool {
		var waiting int
		// Not in the transaction: there the view stays as it was first seen.
		err := in.pool.QueryRow(t.Context(), `
			SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting)
		return err == nil && waiting == people
	}, time.Minute, 5*time.Millisecond)
	require.NoError(t, lock.Rollback(t.Context()))
	all.Wait()
	winner := ""
	for n, err := range errs {
		if err == nil {
			require.Empty(t, winner, "two won")
			winner = fmt.Sprintf("hash %d", n)
			continue
		}
		require.ErrorIs(t, err, invitation.ErrUsed)
	}
	require.NotEmpty(t, winner)
	require.Equal(t, winner, in.passwordHash(t))
	require.Equal(t, 1, in.auditRows(t))
}

func TestUsingOneLinkEndsTheUsersOthers(t *testing.T) {
	t.Parallel()
	in := invite(t)
	const second = "second-second-second-second-second-second-1"
	in.link(t, second, time.Hour)
	require.NoError(t, in.invitations.Accept(t.Context(), in.token, "first"))
	require.ErrorIs(t, in.invitations.Accept(t.Context(), second, "second"), invitation.ErrUsed)
	require.Equal(t, "first", in.passwordHash(t))
}

func TestLinksThatDoNotWork(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change string
		token  string
		want   error
	}{
		"unknown":          {token: "unknown-unknown-unknown-unknown-unknown-123", want: tenant.ErrNotFound},
		"no token at all":  {token: "' OR true; --", want: tenant.ErrNotFound},
		"empty":            {token: "", want: tenant.ErrNotFound},
		"expired":          {change: `UPDATE invitations SET expires_at = now()`, want: invitation.ErrExpired},
		"suspended tenant": {change: `UPDATE tenants SET status = 'SUSPENDED'`, want: invitation.ErrClosed},
		"pending tenant":   {change: `UPDATE tenants SET status = 'PENDING'`, want: invitation.ErrClosed},
		"used and expired": {change: `UPDATE invitations SET expires_at = now(), used_at = now()`, want: invitation.ErrUsed},
		"user was removed": {change: `DELETE FROM %s.users`, want: invitation.ErrClosed},
		"schema is gone":   {change: `DROP SCHEMA %s CASCADE`, want: invitation.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := invite(t)
			if c.change != "" {
				change := c.change
				if name == "user was removed" || name == "schema is gone" {
					change = fmt.Sprintf(c.change, pgx.Identifier{in.schema}.Sanitize())
				}
				in.exec(t, change)
				c.token = in.token
			}
			_, err := in.invitations.Find(t.Context(), c.token)
			require.ErrorIs(t, err, c.want)
			require.ErrorIs(t, in.invitations.Accept(t.Context(), c.token, "hash"), c.want)
			if name != "schema is gone" && name != "user was removed" {
				require.Empty(t, in.passwordHash(t))
				require.Zero(t, in.auditRows(t))
			}
		})
	}
}

func TestFailedUseLeavesTheLinkOpen(t *testing.T) {
	t.Parallel()
	in := invite(t)
	in.exec(t, `ALTER TABLE `+in.table("audit_logs")+` ADD CONSTRAINT refuse CHECK (action <> 'password_set')`)
	require.Error(t, in.invitations.Accept(t.Context(), in.token, "hash"))
	require.Empty(t, in.passwordHash(t))
	in.exec(t, `ALTER TABLE `+in.table("audit_logs")+` DROP CONSTRAINT refuse`)
	require.NoError(t, in.invitations.Accept(t.Context(), in.token, "hash"))
}

func TestInvitationsSayWhenTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	pool, err := postgres.Open(t.Context(), postgres.Config{Host: "127.0.0.1", Port: 1, User: "nobody", Database: "none"})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = postgres.NewInvitations(pool).Find(t.Context(), "AZaz09-_AZaz09-_AZaz09-_AZaz09-_")
	require.ErrorIs(t, err, tenant.ErrUnavailable)
}

// TestAnAddressThatAnotherUserHasIsNotGivenTwice: the link then leads nowhere, and
// nothing has changed.
func TestAnAddressThatAnotherUserHasIsNotGivenTwice(t *testing.T) {
	t.Parallel()
	in := invite(t)
	in.exec(t, `INSERT INTO `+in.table("users")+` (id, email, first_name, last_name, role) VALUES (gen_random_uuid(), 'NEW@charite.example', 'N', 'N', 'admin')`)
	require.ErrorIs(t, in.invitations.Accept(t.Context(), in.token, "first"), invitation.ErrClosed)
	require.Equal(t, "ada@charite.example Ada Lovelace", in.person(t))
	require.Zero(t, in.auditRows(t))
	in.exec(t, `DELETE FROM `+in.table("users")+` WHERE first_name = 'N'`)
	require.NoError(t, in.invitations.Accept(t.Context(), in.token, "first"))
}
