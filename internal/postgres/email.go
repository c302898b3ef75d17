package postgres

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenant-provisioning/internal/tenant"
)

// Emails is the outbox: each mail to a tenant's administrator is a row before it
// leaves.
type Emails struct{ pool database }

// NewEmails keeps the outbox on a pool.
func NewEmails(pool *pgxpool.Pool) *Emails { return &Emails{pool: database{pool}} }

// Begin passes the fence, writes a step's mail as SENDING before it leaves,
// and makes its invitation; invite is nil for a mail without. An invitation that is
// there is kept, and lasts on if it has ended unused; one of an earlier key does not,
// so that links of a key that was given up come to an end. Where there is nobody to
// send it to, the step is done.
func (e *Emails) Begin(ctx context.Context, f tenant.Fence, step tenant.Step, invite func(tenant.Tenant) tenant.Invitation) (tenant.Email, error) {
	var w tenant.Email
	err := e.pool.inTx(ctx, func(tx pgx.Tx) error {
		w = tenant.Email{Step: step} // it may be the second time
		b := &pgx.Batch{}
		b.Queue(passFence, fenceArgs(f)...)
		lockEmail(b, f, &w)
		if err := run(ctx, tx, b); err != nil {
			return err
		}
		if err := lookAtPeople(ctx, tx, f, &w, invite); err != nil {
			return err
		}
		b = &pgx.Batch{}
		if w.Nobody {
			logNobody(b, f, step)
			return run(ctx, tx, b)
		}
		if w.ID == "" {
			makeEmail(b, f, &w)
		}
		if w.Before != tenant.EmailSent { // otherwise the step is done, and only the answer was lost
			beginAttempt(b, f, step, &w.Attempt)
			if invite != nil {
				makeInvitation(b, f, invite(w.Tenant), &w)
			}
			leaving(b, w)
		}
		return run(ctx, tx, b)
	})
	if err != nil {
		return w, stepError(step, err)
	}
	return w, nil
}

// lookAtPeople looks whom a mail is for, and whether they may have its link.
func lookAtPeople(ctx context.Context, tx pgx.Tx, f tenant.Fence, w *tenant.Email, invite func(tenant.Tenant) tenant.Invitation) error {
	w.Again = f.OfKind() == tenant.KindInvite
	switch {
	case w.Tenant.Administrator.Email == "": // the mail was given up, and this attempt of it is late
		return tenant.ErrSuperseded
	case w.Step == tenant.StepSendInvitedElsewhereEmail:
		return lookWhomToTell(ctx, tx, w)
	case invite != nil:
		return mayLink(ctx, tx, f, *w, invite(w.Tenant))
	}
	return nil
}

// makeInvitation writes the link that the mail has.
func makeInvitation(b *pgx.Batch, f tenant.Fence, i tenant.Invitation, w *tenant.Email) {
	b.Queue(`
		INSERT INTO invitations AS i (token_hash, tenant_id, user_id, expires_at)
		VALUES (coalesce((SELECT e.token_hash FROM invitations e
				WHERE e.token_hash = ANY($5) AND e.tenant_id = $2 AND (e.used_at IS NOT NULL OR e.expires_at > now())
				  AND NOT EXISTS (SELECT FROM invitations own WHERE own.token_hash = $1)
				ORDER BY e.created_at DESC LIMIT 1), $1), $2, $3, now() + $4)
		ON CONFLICT (token_hash) DO UPDATE SET expires_at = CASE
			WHEN i.used_at IS NULL AND i.expires_at < now() THEN excluded.expires_at ELSE i.expires_at END
		RETURNING token_hash, expires_at`,
		i.TokenHash, string(f.Tenant), w.Tenant.AdministratorID(), i.TTL, i.Earlier).
		QueryRow(func(row pgx.Row) error { return row.Scan(&w.TokenHash, &w.ExpiresAt) })
}

// leaving writes that a mail is about to leave.
func leaving(b *pgx.Batch, w tenant.Email) {
	b.Queue(`
		UPDATE emails SET state = 'SENDING', attempts = attempts + 1, updated_at = now(),
			left_at = CASE WHEN state IN ('SENDING', 'UNKNOWN') THEN left_at ELSE now() END
		WHERE id = $1`, w.ID)
}

// lockEmail reads the tenant and its mail's row, which may be missing. Whoever
// corrects the address waits until the link to the old one is there, and ends it.
func lockEmail(b *pgx.Batch, f tenant.Fence, w *tenant.Email) {
	b.Queue(`SELECT `+tenantColumns+` FROM tenants t WHERE t.id = $1 FOR SHARE`, string(f.Tenant)).
		Query(one(scanTenant, &w.Tenant))
	b.Queue(`
		SELECT id::text, state, extract(epoch FROM now() - coalesce(left_at, created_at))::float8 FROM emails
		WHERE operation_id = $1 AND template = $2 FOR UPDATE`, string(f.Operation), w.Step.Template()).
		QueryRow(func(row pgx.Row) error {
			var since float64
			err := row.Scan(&w.ID, &w.Before, &since)
			w.Age = seconds(since)
			return ifThere(err)
		})
}

// makeEmail makes the mail's row. Its id follows from the effect's key, so that
// it is the same whichever attempt makes it.
func makeEmail(b *pgx.Batch, f tenant.Fence, w *tenant.Email) {
	w.ID = uuid.NewSHA1(uuid.MustParse(string(f.Tenant)), []byte(f.Key(w.Step))).String()
	w.Before = tenant.EmailPending
	b.Queue(`INSERT INTO emails (id, tenant_id, operation_id, template, state) VALUES ($1, $2, $3, $4, 'PENDING')`,
		w.ID, string(f.Tenant), string(f.Operation), w.Step.Template())
}

// Repeat notes that a mail in doubt is about to leave once more: a
// new doubt begins.
func (e *Emails) Repeat(ctx context.Context, f tenant.Fence, w tenant.Email) error {
	b := &pgx.Batch{}
	b.Queue(passFence, fenceArgs(f)...)
	b.Queue(`UPDATE emails SET left_at = now(), updated_at = now() WHERE id = $1`, w.ID)
	if err := e.pool.run(ctx, b); err != nil {
		return stepError(w.Step, err)
	}
	return nil
}

// Complete writes the mail as SENT. Where that is the last step, the operation
// has succeeded with the same commit. Of the user's links only the mail's works from
// then on.
func (e *Emails) Complete(ctx context.Context, f tenant.Fence, w tenant.Email, r tenant.EmailReceipt) error {
	b := &pgx.Batch{}
	b.Queue(passFence, fenceArgs(f)...)
	b.Queue(`
		UPDATE emails SET state = 'SENT', provider = coalesce(nullif($2, ''), provider), provider_id = coalesce(nullif($3, ''), provider_id),
			sent_at = coalesce(sent_at, now()), updated_at = now()
		WHERE id = $1`, w.ID, r.Provider, r.ProviderID)
	completeAttempt(b, f, w.Step, w.Attempt)
	logDone(b, f, w.Step)
	completeStage(b, f, w.Step, "")
	endOtherLinks(b, f, w) // after the tenant's row, as whoever uses a link locks them
	if err := e.pool.run(ctx, b); err != nil {
		return stepError(w.Step, err)
	}
	return nil
}

// Leave writes where a failed attempt left the mail, unless another
// one has begun since: where that leaves it is for that one to say.
func (e *Emails) Leave(ctx context.Context, w tenant.Email, state tenant.EmailState) error {
	_, err := e.pool.Exec(ctx, `
		UPDATE emails SET state = $2, updated_at = now()
		FROM provisioning_logs l WHERE emails.id = $1 AND emails.state <> 'SENT' AND l.id = $3
		  AND NOT EXISTS (SELECT FROM provisioning_logs since WHERE since.operation_id = l.operation_id AND since.step = l.step AND since.id > l.id)`,
		w.ID, string(state), int64(w.Attempt))
	if err != nil {
		return stepError(w.Step, err)
	}
	return nil
}
