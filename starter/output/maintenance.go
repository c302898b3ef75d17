package output

import (
	"strings"
	"time"

	"tenant-provisioning/internal/tenant"
)

// Windows are the maintenance windows, as the HTTP API writes them.
type Windows struct {
	Items []Window `json:"items"`
}

// Window is one of them.
type Window struct {
	ID             tenant.WindowID       `json:"id"`
	State          tenant.WindowState    `json:"state"`
	Regular        bool                  `json:"regular"`
	Title          string                `json:"title"`
	Message        string                `json:"message,omitempty"`
	Mode           tenant.WindowMode     `json:"mode,omitempty"`
	StartsAt       time.Time             `json:"startsAt"`
	EndsAt         time.Time             `json:"endsAt"`
	StartedAt      time.Time             `json:"startedAt,omitzero"`
	EndedAt        time.Time             `json:"endedAt,omitzero"`
	OverrunAt      time.Time             `json:"overrunAt,omitzero"`
	AnnouncedAt    time.Time             `json:"announcedAt,omitzero"`
	Note           string                `json:"note,omitempty"`
	Tasks          []WindowTask          `json:"tasks,omitempty"`
	AllowedActions []tenant.WindowAction `json:"allowedActions"`
}

// WindowTask is one thing that is done in a window.
type WindowTask struct {
	Name      string                 `json:"name"`
	Manual    bool                   `json:"manual"`
	State     tenant.WindowTaskState `json:"state"`
	StartedAt time.Time              `json:"startedAt,omitzero"`
	EndedAt   time.Time              `json:"endedAt,omitzero"`
	Detail    string                 `json:"detail,omitempty"`
}

// NewWindows makes the document of a list.
func NewWindows(all []tenant.Window) Windows {
	d := Windows{Items: make([]Window, len(all))}
	for n, w := range all {
		d.Items[n] = NewWindow(w)
	}
	return d
}

// NewWindow makes the document of a window.
func NewWindow(w tenant.Window) Window {
	d := Window{
		ID: w.ID, State: w.State, Regular: w.Regular, Title: w.Title, Message: w.Message, Mode: w.Mode,
		StartsAt: w.StartsAt.UTC(), EndsAt: w.EndsAt.UTC(), StartedAt: w.StartedAt.UTC(), EndedAt: w.EndedAt.UTC(),
		OverrunAt: w.OverrunAt.UTC(), AnnouncedAt: w.AnnouncedAt.UTC(), Note: w.Note, AllowedActions: w.State.Allowed(),
	}
	for _, t := range w.Tasks {
		d.Tasks = append(d.Tasks, WindowTask{Name: t.Name, Manual: t.Manual, State: t.State, StartedAt: t.StartedAt.UTC(), EndedAt: t.EndedAt.UTC(), Detail: t.Detail})
	}
	return d
}

// Text is a table.
func (l Windows) Text() string {
	if len(l.Items) == 0 {
		return "no maintenance windows\n"
	}
	rows := make([][]string, len(l.Items))
	for n, w := range l.Items {
		rows[n] = []string{string(w.ID), w.state(), string(w.Mode), moment(w.StartsAt), moment(w.EndsAt), w.Title}
	}
	return Grid([]string{"ID", "STATE", "MODE", "FROM", "UNTIL", "TITLE"}, rows)
}

func (w Window) state() string {
	if w.State == tenant.WindowRunning && !w.OverrunAt.IsZero() {
		return "RUNNING, overrun"
	}
	return string(w.State)
}

// Text is a form, with a table of what is done.
func (w Window) Text() string {
	allowed := make([]string, len(w.AllowedActions))
	for n, a := range w.AllowedActions {
		allowed[n] = string(a)
	}
	text := form([]pair{
		{"window", string(w.ID)}, {"title", w.Title}, {"message", w.Message}, {"state", w.state()}, {"mode", string(w.Mode)},
		{"from", moment(w.StartsAt)}, {"until", moment(w.EndsAt)}, {"began", moment(w.StartedAt)}, {"ended", moment(w.EndedAt)},
		{"overrun since", moment(w.OverrunAt)}, {"announced", moment(w.AnnouncedAt)}, {"note", w.Note}, {"allowed", strings.Join(allowed, ", ")},
	})
	if len(w.Tasks) == 0 {
		return text
	}
	rows := make([][]string, len(w.Tasks))
	for n, t := range w.Tasks {
		by := "worker"
		if t.Manual {
			by = "people"
		}
		rows[n] = []string{t.Name, by, string(t.State), t.Detail}
	}
	return text + "\n" + Grid([]string{"TASK", "BY", "STATE", "DETAIL"}, rows)
}
