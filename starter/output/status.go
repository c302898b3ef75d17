package output

import (
	"strconv"
	"strings"

	"tenant-provisioning/internal/tenant"
)

// Status is how far a tenant has come, and what may be done.
type Status struct {
	Tenant    Tenant    `json:"tenant"`
	Operation Operation `json:"operation"`
	// Workers tells whether anybody does the work.
	Workers *tenant.Workforce `json:"workers,omitempty"`
	// Steps is empty for an operation that is not the tenant's latest: the log
	// of that one would be shown beside the state of this one.
	Steps    []Step    `json:"steps"`
	Commands []Command `json:"commands"`
}

// Step sums up the attempts at one step.
type Step struct {
	Step       tenant.Step         `json:"step"`
	Status     tenant.StepStatus   `json:"status,omitempty"`
	Attempts   int                 `json:"attempts"`
	DurationMS float64             `json:"durationMs"`
	ErrorClass tenant.FailureClass `json:"errorClass,omitempty"`
	Error      string              `json:"error,omitempty"`

	duration string
}

// NewStatus makes the document of a tenant's progress.
func NewStatus(p tenant.Progress) Status {
	s := Status{
		Tenant: NewTenant(p.Tenant), Operation: NewOperation(p.Operation),
		Steps: []Step{}, Commands: Commands(p.Operation),
	}
	for _, step := range p.Steps {
		s.Steps = append(s.Steps, Step{
			Step: step.Step, Status: step.Status, Attempts: step.Attempts,
			DurationMS: float64(step.Duration.Microseconds()) / 1000, //nolint:mnd // µs in a ms
			ErrorClass: step.ErrorClass, Error: step.Error, duration: span(step.Duration),
		})
	}
	return s
}

// Text is a form, the steps, and the commands to paste.
func (s Status) Text() string {
	o := s.Operation
	var b strings.Builder
	b.WriteString(s.Tenant.Text() + "\n" + operationText(o))
	if o.WaitingFor != nil {
		b.WriteString(waitText(o.WaitingFor))
	}
	if len(s.Steps) > 0 {
		rows := make([][]string, len(s.Steps))
		for i, step := range s.Steps {
			attempts, status := "", "WAITING"
			if step.Status != "" {
				attempts, status = strconv.Itoa(step.Attempts), string(step.Status)
			}
			rows[i] = []string{string(step.Step), status, attempts, step.duration, failureText(step.ErrorClass, step.Error)}
		}
		b.WriteString("\n" + Grid([]string{"STEP", "STATUS", "ATTEMPTS", "DURATION", "ERROR"}, rows))
	}
	if len(s.Steps) == 0 && o.logs != "" {
		moved := ""
		if o.LogMovedAt != nil {
			moved = "; its log moved to the backup store on " + momentOf(o.LogMovedAt)
		}
		b.WriteString("\nThe steps of this operation, which is not the tenant's latest" + moved + ":\n  " + o.logs + "\n")
	}
	b.WriteString(commandText(s.Commands))
	return b.String()
}

func operationText(o Operation) string {
	pairs := []pair{
		{"operation", string(o.ID)}, {"kind", string(o.Kind)}, {"new name", o.NewName}, {"backup", o.BackupID}, {"state", string(o.State)},
		{"failed step", string(o.FailedStep)}, {"failure", failureText(o.FailureClass, o.FailureReason)}, {"accepted", moment(o.CreatedAt)},
	}
	if o.FailedStep != "" && o.Attempts > 0 {
		pairs = append(pairs, pair{"attempts", strconv.Itoa(o.Attempts)})
	}
	if r := o.Restored; r != nil {
		pairs = append(pairs, pair{"data of", moment(r.TakenAt)}, pair{"rows", strconv.FormatInt(r.Rows, 10)}, pair{"plain tables", strings.Join(r.Plain, ", ")})
	}
	deadline := "decided at"
	if o.toldAgain {
		deadline = "told again"
	}
	return form(append(pairs, pair{"finished", momentOf(o.FinishedAt)}, pair{deadline, momentOf(o.AttentionDeadline)}))
}

func failureText(class tenant.FailureClass, reason string) string {
	if class == "" {
		return reason
	}
	return string(class) + ": " + reason
}

// Acted is an operation after an action was accepted.
type Acted struct {
	Operation Operation     `json:"operation"`
	Action    tenant.Action `json:"action"`
}

// Text says what was accepted and how to see what becomes of it.
func (a Acted) Text() string {
	return string(a.Action) + " accepted\n\n" + operationText(a.Operation) +
		"\nSee what becomes of it:\n  starter status " + string(a.Operation.ID) + "\n"
}
