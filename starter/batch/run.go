package batch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/roster"
)

// Run provisions the rows and returns what became of each, in their order. Its
// error is what ended it before all rows were reached: the context's, for an
// interruption. Rows that were accepted go on by themselves; running the same
// rows again follows them.
func (r *Runner) Run(ctx context.Context, rows []roster.Row, results *ResultFile) ([]Outcome, error) {
	// Ids of operations begin with the clock: what sorts after this one was
	// accepted during this run.
	began, err := tenant.NewOperationID()
	if err != nil {
		return nil, err
	}
	b := &board{outcomes: make([]Outcome, len(rows)), watcher: r.Watcher, results: results}
	for i, row := range rows {
		b.outcomes[i] = notStarted(row)
	}
	group, working := errgroup.WithContext(ctx)
	group.SetLimit(r.Concurrency)
	for i, row := range rows {
		if working.Err() != nil {
			break
		}
		group.Go(func() error {
			if working.Err() != nil {
				return working.Err()
			}
			outcome, err := r.row(working, row, began)
			if outcome.State == StateNotStarted {
				return err
			}
			return errors.Join(b.settle(i, outcome), err)
		})
	}
	err = group.Wait()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return b.outcomes, errors.Join(err, b.save())
}

// row takes one row as far as the configuration says. An error ends the whole
// batch; what concerns the row alone is part of its outcome.
func (r *Runner) row(ctx context.Context, row roster.Row, began tenant.OperationID) (Outcome, error) {
	outcome := notStarted(row)
	op, err := r.accept(ctx, row, began)
	if refused(err) {
		return outcome.refuse(err), nil
	}
	if err != nil {
		return outcome, fmt.Errorf("line %d: %w", row.Line, err)
	}
	var broken error
	if r.Wait {
		op, broken = r.Follow(ctx, op)
	}
	t, err := r.tenant(ctx, op.TenantID)
	outcome = outcome.reached(op, t)
	if r.Wait && broken == nil && !op.State.Settled() {
		outcome.Error = fmt.Sprintf("not finished after %s; it goes on by itself", r.Timeout)
	}
	return outcome, errors.Join(broken, err)
}

// accept creates the row's tenant, or finds that an earlier run did. What an
// earlier run rolled back is created anew if that is wanted, what this one
// rolls back is not.
func (r *Runner) accept(ctx context.Context, row roster.Row, began tenant.OperationID) (tenant.Operation, error) {
	first := rowKey(row.Key)
	for key := first; ; {
		op, err := r.Create(ctx, row.New, key)
		if err != nil || !r.Again || op.State != tenant.StateRolledBack || op.ID > began {
			return op, err
		}
		// The next attempt's key follows from the one that was rolled back, so
		// that an interrupted second attempt is found again as well.
		key = first + "#" + string(op.ID)
	}
}

// rowKey is the idempotency key of a row: a digest, because a row's key may be
// of any script and an idempotency key may not.
func rowKey(key string) string {
	sum := sha256.Sum256([]byte(key))
	return "row/" + hex.EncodeToString(sum[:])
}

// refused reports errors that concern the row and not the control plane.
func refused(err error) bool {
	var invalid *tenant.InvalidError
	return errors.Is(err, tenant.ErrNameTaken) || errors.Is(err, tenant.ErrIdempotencyMismatch) || errors.As(err, &invalid)
}
