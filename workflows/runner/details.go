package runner

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"tenant-provisioning/internal/tenant"
)

// status is where the run is.
func (r *run) status() Status {
	s := Status{
		Tenant: r.in.Tenant, Operation: r.in.Operation, State: r.record.state,
		AllowedActions: r.record.allowed(), Deadline: r.record.deadline, Undo: r.undos.Names(),
		WaitingFor: r.waiting, LastRefused: r.desk.refused,
	}
	if !s.Deadline.IsZero() {
		s.AtDeadline = r.atDeadline()
	}
	for _, stage := range r.stages {
		s.Steps = append(s.Steps, StepState{Name: stage.Activity, State: stage.state, Attempts: stage.attempts})
	}
	if s.State != tenant.StateRunning && s.State != tenant.StateSucceeded {
		f := r.record.failure
		s.FailedStep, s.FailureClass, s.Reason, s.Attempts = f.Step, r.record.class, f.Reason, f.Attempt
	}
	return s
}

// show shows the status in the Web UI.
func (r *run) show(ctx workflow.Context) {
	info := workflow.GetInfo(ctx)
	workflow.SetCurrentDetails(ctx, details(r.status(), info.Namespace, info.WorkflowExecution.ID))
}

// details is the Markdown that the Web UI shows beside a run: where it is, why,
// and the exact commands that are allowed now.
func details(s Status, namespace, workflowID string) string {
	var b []byte
	b = fmt.Appendf(b, "**%s**\n\n", s.State)
	if s.Reason != "" {
		b = fmt.Appendf(b, "%s (%s%s): %s\n\n", s.FailedStep, s.FailureClass, tries(s.Attempts), s.Reason)
	}
	if w := s.WaitingFor; w != nil {
		b = fmt.Appendf(b, "It %s.\n\n", w.Message)
	}
	if !s.Deadline.IsZero() {
		b = fmt.Appendf(b, "Unless somebody decides, at %s %s.\n\n", s.Deadline.UTC().Format(time.RFC3339), s.AtDeadline)
	}
	if f := s.LastRefused; f != nil {
		b = fmt.Appendf(b, "Refused at %s: %s: %s\n\n", f.At.UTC().Format(time.RFC3339), f.Action, f.Why)
	}
	b = append(b, "| step | state |\n|---|---|\n"...)
	for _, step := range s.Steps {
		b = fmt.Appendf(b, "| %s | %s |\n", step.Name, step.State)
	}
	if len(s.AllowedActions) == 0 {
		return string(b)
	}
	b = append(b, "\nAllowed now (a reason is kept in clear: no personal data, no secrets; a ticket's number will do):\n\n```\n"...)
	for _, a := range s.AllowedActions {
		b = fmt.Appendf(b, "starter %s %s --reason 'WHY'\n", a, s.Operation)
	}
	if slices.Contains(s.AllowedActions, tenant.ActionRollback) {
		b = fmt.Appendf(b, "starter rollback %s --dry-run   # what it would undo\n", s.Operation)
	}
	for _, a := range s.AllowedActions {
		b = fmt.Appendf(b, "\ntemporal workflow signal --namespace %s \\\n  --workflow-id %s \\\n  --name %s --input '%s'\n", namespace, workflowID, a, signalInput)
	}
	for _, a := range s.AllowedActions {
		b = fmt.Appendf(b, "\ntctl --ns %s workflow signal \\\n  -w %s \\\n  -n %s -i '%s'\n", namespace, workflowID, a, signalInput)
	}
	b = append(b, "```\n"...)
	return string(b)
}

// tries says how often something was tried, when that is known.
func tries(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return ", after 1 attempt"
	}
	return fmt.Sprintf(", after %d attempts", n)
}

// signalInput is what a person fills in.
const signalInput = `{"actor":"WHO","reason":"WHY"}`

// atDeadline says what the table does when nobody has decided.
func (r *run) atDeadline() string {
	to, err := tenant.Next(tenant.StateNeedsAttention, r.record.position(), tenant.EventDeadline)
	switch {
	case err == nil && to == tenant.StateRollingBack:
		return "everything is rolled back"
	case err == nil && to == tenant.StateNeedsAttention:
		return "people are told again"
	case err == nil && to == tenant.StateRunning:
		return "the failed step is given up and the next one is done"
	}
	return "the failed step is given up and the tenant stays " + strings.ToLower(string(r.leadsTo()))
}
