package workflows_test

import (
	"cmp"
	"context"
	"slices"

	"tenant-provisioning/internal/tenant"
)

// Claim implements activities.OperationStore.
func (m *model) Claim(ctx context.Context, f tenant.Fence) (c tenant.Claim, err error) {
	err = m.call(ctx, "Claim", func() error {
		o := &m.operation
		switch {
		case o.Generation != f.Generation:
		case o.State == tenant.StatePending:
			o.State, o.RunID = tenant.StateRunning, f.Run
			m.tenant.Status = cmp.Or(o.Lifecycle().Running, m.tenant.Status)
			o.PivotPassed = o.Lifecycle().ClaimIsPivot
			c.Claimed = true
		case o.RunID == "" && !o.State.Closed(): // released
			o.RunID, c.Claimed = f.Run, true
		default:
			c.Claimed = o.RunID == f.Run && !o.State.Closed()
		}
		c.PivotPassed, c.State, c.TakenOver = o.PivotPassed, o.State, m.takenOver
		if c.Claimed && !c.PivotPassed {
			c.Undos = o.Undos(m.entries())
		}
		c.Settled = map[tenant.Step]tenant.StepStatus{}
		for _, row := range m.log {
			if row.Status == tenant.StepSkipped || c.PivotPassed && row.Status == tenant.StepCompleted {
				c.Settled[row.Step] = row.Status
			}
		}
		c.FailedStep, c.FailureClass, c.Reason = o.FailedStep, o.FailureClass, o.FailureReason
		return nil
	})
	return c, err
}

// entries are the log as everybody else reads it.
func (m *model) entries() []tenant.LogEntry {
	var logs []tenant.LogEntry
	for _, row := range m.log {
		logs = append(logs, tenant.LogEntry{Step: row.Step, Status: row.Status})
	}
	return logs
}

// Move implements activities.OperationStore. What the transition table does
// not have is noted: the real store would write it.
func (m *model) Move(ctx context.Context, move tenant.Move) (moved tenant.Moved, err error) {
	err = m.call(ctx, "Move "+string(move.To), func() error {
		o := &m.operation
		switch {
		case o.Generation != move.Fence.Generation, o.RunID != move.Fence.Run:
			return tenant.ErrSuperseded
		case o.State == move.To && (move.From != move.To || !move.Deadline.IsZero() && move.Deadline.Equal(o.AttentionDeadline)):
			moved = tenant.Moved{Before: true, Step: o.FailedStep, Class: o.FailureClass, Reason: o.FailureReason}
			return nil
		case o.State != move.From, move.BeforePivot && o.PivotPassed:
			return tenant.ErrSuperseded
		}
		failed := cmp.Or(move.Step, o.FailedStep)
		if move.Skipped != nil {
			failed = move.Skipped.Steps[0]
		}
		if to, err := tenant.Next(move.From, tenant.Position{Kind: o.Kind, PivotPassed: o.PivotPassed, Step: failed}, move.Event); err != nil || to != move.To {
			m.wrong("a transition that the table does not have: " + string(move.From) + " – " + string(move.Event) + " → " + string(move.To))
		}
		m.requireMeant(move)
		o.State, o.FailedStep, o.FailureClass, o.FailureReason, o.AttentionDeadline = move.To, move.Step, move.Class, move.Reason, move.Deadline
		if move.To == tenant.StateRolledBack && o.Lifecycle().Undone == tenant.StatusFailed && m.tenant.ActivatedAt.IsZero() {
			m.tenant.Status, m.tenant.FailureReason, m.tenant.ContractID = tenant.StatusFailed, move.Reason, ""
		}
		if move.Skipped != nil {
			for _, step := range move.Skipped.Steps {
				if !m.has(step, tenant.StepSkipped) {
					m.record(step, tenant.StepSkipped)
				}
			}
		}
		return nil
	})
	return moved, err
}

// requireMeant notes a rollback that only a person may begin, and a parking that was for nobody: everybody is asked to decide
// then, and may have decided before the run went on by itself.
func (m *model) requireMeant(move tenant.Move) {
	switch {
	case move.Event == tenant.EventDeadline && move.To == tenant.StateNeedsAttention:
		m.told++
	case move.From == tenant.StateNeedsAttention && move.To == tenant.StateNeedsAttention: // postponed
	case move.To == tenant.StateNeedsAttention:
		m.parked, m.told = true, 0
	case move.From == tenant.StateNeedsAttention && move.To == tenant.StateRunning && m.parked && !m.takenOver:
		decided := 0
		for _, a := range m.audits {
			if (a.Action == string(tenant.ActionRetry) || a.Action == string(tenant.ActionSkip)) && a.Outcome == tenant.OutcomeAccepted {
				decided++
			}
		}
		if byPerson := move.Event == tenant.EventRetry || move.Event == tenant.EventSkip; byPerson && decided <= m.decided {
			m.wrong("it parked, and went on though nobody had decided")
		}
		m.parked, m.decided = false, decided
	case move.From == tenant.StateRollbackBlocked && move.Event == tenant.EventSkip:
		m.undosSkipped++
	case move.To == tenant.StateRollingBack && m.operation.Lifecycle().FailsClosed && move.From != tenant.StateRollbackBlocked &&
		move.Event != tenant.EventRollback && move.Event != tenant.EventCancel:
		m.wrong("it was undone though nobody had decided: " + string(move.Event))
	}
}

// AppendRequest implements activities.AuditLog: an entry with a request id
// of its actor stands once for each outcome.
func (m *model) AppendRequest(ctx context.Context, e tenant.AuditEntry) error {
	return m.call(ctx, "AuditRequest", func() error {
		known := slices.ContainsFunc(m.audits, func(a tenant.AuditEntry) bool {
			return e.RequestID != "" && a.Operation == e.Operation && a.Action == e.Action && a.RequestID == e.RequestID && a.Actor == e.Actor && a.Outcome == e.Outcome
		})
		if !known {
			m.audits = append(m.audits, e)
		}
		return nil
	})
}

// release takes the operation from a run that is closed.
func (m *model) release() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.operation.RunID, m.takenOver = "", true
}
