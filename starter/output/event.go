package output

import (
	"fmt"
	"strings"

	"tenant-provisioning/internal/tenant"
)

// EventLine is an event as a line: when, and what.
func EventLine(e *tenant.ChangeEvent) string {
	what := e.Type
	switch {
	case e.Step != "":
		what = fmt.Sprintf("%s %s, attempt %d", e.Step, e.StepStatus, e.Attempt)
	case e.State != "":
		what = string(e.State)
	}
	parts := []string{what}
	if e.FailedStep != "" {
		parts = append(parts, string(e.FailedStep))
	}
	if e.FailureClass != "" {
		parts = append(parts, string(e.FailureClass))
	}
	if e.Status != "" {
		parts = append(parts, "tenant "+string(e.Status))
	}
	return e.At.UTC().Format("15:04:05.000Z") + "  " + strings.Join(parts, "  ")
}
