package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"tenant-provisioning/internal/tenant"
)

// mayInvite refuses an invitation that nobody could use, and one that resets a
// password unless an administrator asks for it. The tenant's row is locked: nobody
// uses a link meanwhile, and nobody changes the address.
func mayInvite(ctx context.Context, tx pgx.Tx, sub *tenant.Submission) error {
	id := sub.Operation.TenantID
	refused := func(why string) error {
		return &tenant.StatusRefusedError{Kind: sub.Operation.Kind, Status: tenant.StatusActive, Why: why}
	}
	var schema string
	var made bool
	if err := tx.QueryRow(ctx, `SELECT schema_name, to_regclass(quote_ident(schema_name) || '.users') IS NOT NULL FROM tenants WHERE id = $1`, string(id)).
		Scan(&schema, &made); err != nil {
		return err
	}
	if !made {
		return refused("the table of its users is not there; starter reconcile says what else is missing")
	}
	users := usersOf(schema)
	var taken bool
	err := tx.QueryRow(ctx, `
		SELECT u.password_hash IS NOT NULL, EXISTS (SELECT FROM `+users+` o WHERE o.id <> u.id AND lower(o.email) = lower(t.admin_email))
		FROM `+users+` u, tenants t LEFT JOIN tenant_imports i ON i.tenant_id = t.id
		WHERE u.id = coalesce(i.administrator_id, $1) AND t.id = $2`, id.AdministratorID(), string(id)).Scan(&sub.Resets, &taken)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return refused("the user who was to be its first administrator was removed; whoever administers it now can make users")
	case err != nil:
		return err
	case taken:
		return refused("another of its users has the administrator's address; change that with PATCH /v1/tenants/{id} first")
	case sub.Resets && !sub.Admin:
		return &tenant.ForbiddenError{Reason: "a password was set already, and an invitation resets it; somebody with the role admin may send one, for one tenant at a time"}
	}
	return nil
}

func usersOf(schema string) string { return pgx.Identifier{schema, "users"}.Sanitize() }

// lookWhomToTell finds whom the mail to the address before is for, if anybody.
func lookWhomToTell(ctx context.Context, tx pgx.Tx, w *tenant.Email) error {
	who, elsewhere, err := signsIn(ctx, tx, w.Tenant)
	if elsewhere {
		w.To = who
	}
	w.Nobody = w.To == nil && w.Before != tenant.EmailSent
	return err
}

// mayLink refuses a mail whose link would set another password than the one that was
// asked for. It is asked before the mail leaves and before it is repeated. A password
// that was set meanwhile is not reset, and a link goes to another address than the one
// that signs in only if an administrator has invited that address and the other one was
// told. own is the mail's link; once a password was set after it was made, it is used
// up, and the mail may be repeated.
func mayLink(ctx context.Context, tx pgx.Tx, f tenant.Fence, w tenant.Email, own tenant.Invitation) error {
	if w.Before == tenant.EmailSent {
		return nil
	}
	var usedOwn, usedEarlier, resets, moved, told, made bool
	err := tx.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM invitations i WHERE i.tenant_id = t.id AND i.used_at IS NOT NULL AND i.token_hash = ANY ($2)),
			EXISTS (SELECT FROM invitations i WHERE i.tenant_id = t.id AND i.used_at >= o.created_at AND i.token_hash <> ALL ($2)),
			o.resets_address IS NOT NULL, coalesce(o.resets_address <> t.addresses, false),
			EXISTS (SELECT FROM emails e WHERE e.operation_id = o.id AND e.template = $3)
				OR EXISTS (SELECT FROM provisioning_logs l WHERE l.operation_id = o.id AND l.step = $4 AND l.status = 'SKIPPED' AND l.error_class IS NOT NULL),
			to_regclass(quote_ident(t.schema_name) || '.users') IS NOT NULL
		FROM operations o JOIN tenants t ON t.id = o.tenant_id WHERE o.id = $1`,
		string(f.Operation), append([][]byte{own.TokenHash}, own.Earlier...),
		tenant.StepSendInvitedElsewhereEmail.Template(), string(tenant.StepSendInvitedElsewhereEmail)).
		Scan(&usedOwn, &usedEarlier, &resets, &moved, &told, &made)
	if err != nil || !made {
		return err
	}
	who, elsewhere, err := signsIn(ctx, tx, w.Tenant)
	if err != nil || who == nil {
		return err
	}
	instead := "ask for the invitation again"
	if f.OfKind() != tenant.KindInvite {
		instead = "skip the step, and invite the administrator if it is needed all the same"
	}
	refused := &tenant.StepError{Step: w.Step, Class: tenant.ClassConflict, Permanent: true, Alone: true}
	switch {
	case moved, elsewhere && !told:
		refused.Reason = "a password was set, and the administrator's address was changed since: nothing was sent; " + instead
		return refused
	case usedOwn:
	case usedEarlier, !resets:
		refused.Reason = "a password was set meanwhile, by an earlier link or by the application: nothing was sent; " + instead
		return refused
	}
	return nil
}

// signsIn is the administrator as the tenant's own users have it, nil as long as
// there is no password, and whether that address is not the one that is invited.
func signsIn(ctx context.Context, tx pgx.Tx, t tenant.Tenant) (who *tenant.Administrator, elsewhere bool, err error) {
	var a tenant.Administrator
	err = tx.QueryRow(ctx, `
		SELECT email, first_name, last_name, lower(email) <> lower($2) FROM `+usersOf(t.Schema)+`
		WHERE id = $1 AND password_hash IS NOT NULL`, t.AdministratorID(), t.Administrator.Email).
		Scan(&a.Email, &a.FirstName, &a.LastName, &elsewhere)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, false, nil
	}
	return &a, elsewhere, err
}

// logNobody writes that a step had no mail to send.
func logNobody(b *pgx.Batch, f tenant.Fence, step tenant.Step) {
	b.Queue(`
		INSERT INTO provisioning_logs (tenant_id, operation_id, step, status, attempt, error)
		SELECT $1, $2, $3, 'SKIPPED', next_attempt($2, $3), 'nobody is to be told: the address that is invited is the one that signs in, or no password was set'
		WHERE NOT EXISTS (SELECT FROM provisioning_logs WHERE operation_id = $2 AND step = $3 AND status = 'SKIPPED')`,
		string(f.Tenant), string(f.Operation), string(step))
}

// endOtherLinks ends the links by which the user of a mail could have set a password
// until now.
func endOtherLinks(b *pgx.Batch, f tenant.Fence, w tenant.Email) {
	if len(w.TokenHash) == 0 {
		return
	}
	b.Queue(`DELETE FROM invitations WHERE tenant_id = $1 AND user_id = $2 AND used_at IS NULL AND token_hash <> $3`,
		string(f.Tenant), w.Tenant.AdministratorID(), w.TokenHash)
}

// Undeliverable writes that a mail cannot reach whom it is for, why, and that its
// step is over without it.
func (e *Emails) Undeliverable(ctx context.Context, f tenant.Fence, w tenant.Email, reason string) error {
	b := &pgx.Batch{}
	b.Queue(passFence, fenceArgs(f)...)
	b.Queue(`UPDATE emails SET state = 'FAILED', updated_at = now() WHERE id = $1`, w.ID)
	b.Queue(`
		UPDATE provisioning_logs SET status = 'SKIPPED', error_class = 'permanent', error = $2, duration_ms = extract(epoch FROM clock_timestamp() - started_at) * 1000
		WHERE id = $1`, int64(w.Attempt), reason)
	if err := e.pool.run(ctx, b); err != nil {
		return stepError(w.Step, err)
	}
	return nil
}
