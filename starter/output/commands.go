package output

import (
	"cmp"
	"fmt"
	"strings"

	"tenant-provisioning/internal/tenant"
)

// Command is something to paste into a shell.
type Command struct {
	// Does says what happens when it is run.
	Does string `json:"does"`
	Line string `json:"command"`
}

// Commands lists what may be done with an operation now, in the order in which
// it is sensible to try.
func Commands(o tenant.Operation) []Command {
	commands := []Command{}
	if tenant.WantsAddress(o.FailedStep, o.FailureReason) && o.State.NeedsPerson() {
		commands = append(commands, Command{
			Does: "corrects the administrator's address, before a retry",
			Line: fmt.Sprintf(`curl -X PATCH -H "Authorization: Bearer $(starter token --role operator)" -H "Content-Type: application/json" `+
				`-d '{"adminEmail":"NAME@HOSPITAL"}' "$APP_URL/v1/tenants/%s"`, o.TenantID),
		})
	}
	for _, a := range o.AllowedActions() {
		commands = append(commands, Command{
			Does: does(a, o),
			Line: fmt.Sprintf(`starter %s %s --reason "WHY"`, a, o.ID),
		})
	}
	return commands
}

func does(a tenant.Action, o tenant.Operation) string {
	undoing := o.State == tenant.StateRollbackBlocked
	switch {
	case a == tenant.ActionRetry && undoing:
		return "tries the blocked undo again now"
	case a == tenant.ActionRetry:
		return "tries the failed step again, with a new budget"
	case a == tenant.ActionSkip && undoing:
		return "gives up the blocked undo; what it leaves must be removed by hand"
	case a == tenant.ActionSkip:
		return "gives up the failed step; " + without(o)
	}
	return "undoes everything; the tenant ends " + undone(o)
}

// without is what a skip comes to.
func without(o tenant.Operation) string {
	if o.LeavesBehind(tenant.ActionSkip) {
		return "the operation goes on, and a finding stays"
	}
	if to, err := tenant.Next(o.State, o.Position(), tenant.EventSkip); err == nil && to == tenant.StateRunning {
		return "the next one is done"
	}
	return "the tenant stays " + strings.ToLower(string(o.ToStatus))
}

// undone is what a rollback leads to.
func undone(o tenant.Operation) string {
	status := cmp.Or(o.Lifecycle().Undone, o.FromStatus)
	if status.HoldsName() {
		return string(status)
	}
	return string(status) + " and its name is free again"
}

func commandText(commands []Command) string {
	if len(commands) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("\nWhat may be done now (a reason is kept in clear: no personal data, no secrets; a ticket's number will do):\n")
	for _, c := range commands {
		fmt.Fprintf(&b, "\n  # %s\n  %s\n", c.Does, c.Line)
	}
	return b.String()
}
