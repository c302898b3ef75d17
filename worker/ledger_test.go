package main

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/connect"
	"tenant-provisioning/internal/stellar"
	"tenant-provisioning/internal/tenant"
)

// TestAServerThatIsAwayChangesNothing of whether a worker takes work on the ledger: one
// that was of another network when it answered last is not asked to deploy.
func TestAServerThatIsAwayChangesNothing(t *testing.T) {
	t.Parallel()
	var answer error
	w := &ledgerWork{guard: &guard{}, steps: connect.Steps{ConfirmNetwork: func(context.Context) error { return answer }}}
	away := errors.New("the server does not answer")

	answer = away
	require.Empty(t, w.denied(t.Context()))
	answer = &tenant.StepError{Reason: "another network", Err: stellar.ErrOtherNetwork}
	denied := w.denied(t.Context())
	require.Equal(t, "taking no work on the ledger: another network", denied)
	w.guard.noLedger.Store(&denied)
	answer = away
	require.Equal(t, denied, w.denied(t.Context()))
	answer = nil
	require.Empty(t, w.denied(t.Context()))
}
