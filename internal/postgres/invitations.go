package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/invitation"
	"tenant-provisioning/internal/tenant"
)

// Invitations are the one-time links by which a tenant's administrator sets
// the first password, or another one.
type Invitations struct{ pool database }

// NewInvitations reads and uses invitations on a pool.
func NewInvitations(pool *pgxpool.Pool) *Invitations { return &Invitations{pool: database{pool}} }

// Key is the key for links that the database has made for itself, once,
// when it was migrated. Whoever can read it can compute the links.
func (i *Invitations) Key(ctx context.Context) ([]byte, error) {
	var key []byte
	if err := i.pool.QueryRow(ctx, `SELECT invitation_key FROM installation`).Scan(&key); err != nil {
		return nil, stepError(tenant.StepSendWelcomeEmail, err)
	}
	return key, nil
}

// link is an invitation with where its user is kept.
type link struct {
	invitation.Invitation
	tenantID string
	userID   string
	schema   string
}

// Find reads the invitation that a token leads to. The error is
// tenant.ErrNotFound, invitation.ErrUsed, ErrExpired, ErrClosed or
// tenant.ErrUnavailable.
func (i *Invitations) Find(ctx context.Context, token string) (invitation.Invitation, error) {
	var found link
	err := onceMore(func() error {
		return pgx.BeginTxFunc(ctx, i.pool, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) (err error) {
			found, err = findLink(ctx, tx, invitation.TokenHash(token), "")
			return err
		})
	})
	if err != nil {
		return invitation.Invitation{}, fmt.Errorf("find an invitation: %w", interpret(err))
	}
	return found.Invitation, nil
}

// Accept uses an invitation: it stores the hash of the password, with the address
// and the name of whoever is invited, notes it in the tenant's own audit log and ends
// every other open link of that user, all in one transaction. Of two at the same time one gets invitation.ErrUsed.
// The other errors are those of Find; after tenant.ErrUnavailable the password may
// be set: only the answer was lost.
func (i *Invitations) Accept(ctx context.Context, token, passwordHash string) error {
	err := i.pool.inTx(ctx, func(tx pgx.Tx) error {
		hash := invitation.TokenHash(token)
		// The tenant first and then its invitation, in the order in which a
		// change of the administrator takes them.
		if _, err := tx.Exec(ctx, `
			SELECT FROM tenants t JOIN invitations i ON i.tenant_id = t.id WHERE i.token_hash = $1 FOR SHARE OF t`, hash); err != nil {
			return err
		}
		l, err := findLink(ctx, tx, hash, "FOR UPDATE OF i")
		if err != nil {
			return err
		}
		return l.accept(ctx, tx, passwordHash)
	})
	if err != nil {
		return fmt.Errorf("accept an invitation: %w", interpret(err))
	}
	return nil
}

// findLink reads a link and whether it works. Used comes before expired and
// closed, for whoever has set a password should be told to sign in.
func findLink(ctx context.Context, tx pgx.Tx, tokenHash []byte, lock string) (link, error) {
	if tokenHash == nil {
		return link{}, tenant.ErrNotFound
	}
	var l link
	var used, expired, there bool
	var status tenant.Status
	// A change of the address ends the links to the one before: one that works went to
	// the tenant's administrator as they are now, and the user follows by it alone.
	err := tx.QueryRow(ctx, `
		SELECT i.tenant_id::text, i.user_id::text, i.expires_at, i.used_at IS NOT NULL, i.expires_at <= now(), t.status, t.schema_name, t.name,
			t.admin_email, t.admin_first_name, t.admin_last_name
		FROM invitations i JOIN tenants t ON t.id = i.tenant_id
		WHERE i.token_hash = $1 `+lock, tokenHash).
		Scan(&l.tenantID, &l.userID, &l.ExpiresAt, &used, &expired, &status, &l.schema, &l.TenantName, &l.Email, &l.FirstName, &l.LastName)
	switch {
	case err != nil:
		return link{}, err
	case used:
		return link{}, invitation.ErrUsed
	case status != tenant.StatusActive:
		return link{}, invitation.ErrClosed
	case expired:
		return link{}, invitation.ErrExpired
	}
	err = tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM `+usersOf(l.schema)+` WHERE id = $1)`, l.userID).Scan(&there)
	if sqlState(err) == stateNoTable || err == nil && !there {
		return link{}, invitation.ErrClosed // the user was removed, or the schema just now
	}
	return l, err
}

func (l link) accept(ctx context.Context, tx pgx.Tx, passwordHash string) error {
	b := &pgx.Batch{}
	b.Queue(`UPDATE invitations SET used_at = now() WHERE tenant_id = $1 AND user_id = $2 AND used_at IS NULL`, l.tenantID, l.userID)
	b.Queue(`UPDATE `+usersOf(l.schema)+` SET password_hash = $1, email = $3, first_name = $4, last_name = $5, updated_at = now() WHERE id = $2`,
		passwordHash, l.userID, l.Email, l.FirstName, l.LastName)
	b.Queue(`INSERT INTO `+pgx.Identifier{l.schema, "audit_logs"}.Sanitize()+` (user_id, action, subject, detail)
		VALUES ($1, 'password_set', 'user', '{"by": "invitation"}')`, l.userID)
	err := run(ctx, tx, b)
	if sqlState(err) == stateUniqueViolation {
		return invitation.ErrClosed // another user has got the address since
	}
	return err
}
