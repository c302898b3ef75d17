package config

import (
	"strings"

	"tenant-provisioning/internal/tenant"
)

// Maintenance is when the platform is worked on, and what callers notice of it.
type Maintenance struct {
	// Window says when the regular window of each month is (MAINTENANCE_WINDOW, "second
	// sunday 02:00-04:00", in UTC). Nil where it is off.
	Window *tenant.WindowRule
	// Mode is that of a window that is not planned with one of its own
	// (MAINTENANCE_MODE, normal).
	Mode tenant.WindowMode
	// Notices says who is told 24 hours before (MAINTENANCE_NOTICES, staff).
	Notices Notices
	// Running says what becomes of operations that run when a read-only window begins
	// (MAINTENANCE_RUNNING, wait).
	Running RunningWork
	// Items are what people do and tick in a regular window (MAINTENANCE_ITEMS).
	Items []string
}

// Notices says who is told of maintenance windows.
type Notices string

const (
	// NoticesStaff tells NOTIFY_EMAIL.
	NoticesStaff Notices = "staff"
	// NoticesAll tells the administrators of active tenants too.
	NoticesAll Notices = "all"
)

// RunningWork says what becomes of what runs when a read-only window begins.
type RunningWork string

const (
	// RunningWaits has the window's tasks wait for it, for half of the window at most.
	RunningWaits RunningWork = "wait"
	// RunningGoesOn has them begin at once.
	RunningGoesOn RunningWork = "go-on"
)

func (r *reader) maintenance() Maintenance {
	return Maintenance{
		Window:  read(r, setting{name: "MAINTENANCE_WINDOW", def: "second sunday 02:00-04:00"}, windowRule),
		Mode:    read(r, setting{name: "MAINTENANCE_MODE", def: string(tenant.WindowNormal)}, oneOf(tenant.WindowNormal, tenant.WindowReadOnly)),
		Notices: read(r, setting{name: "MAINTENANCE_NOTICES", def: string(NoticesStaff)}, oneOf(NoticesStaff, NoticesAll)),
		Running: read(r, setting{name: "MAINTENANCE_RUNNING", def: string(RunningWaits)}, oneOf(RunningWaits, RunningGoesOn)),
		Items:   read(r, setting{name: "MAINTENANCE_ITEMS"}, items),
	}
}

// windowRule is when a window is; nil is never.
var windowRule = kind[*tenant.WindowRule]{want: `off, or which day of a month and from when to when in UTC, such as "second sunday 02:00-04:00" or "last friday 22:00-01:00"`, parse: func(s string) (*tenant.WindowRule, bool) {
	if strings.EqualFold(strings.TrimSpace(s), "off") {
		return nil, true
	}
	rule, ok := tenant.ParseWindowRule(s)
	return &rule, ok
}}

// items are lines for people, separated by commas.
var items = kind[[]string]{want: "up to 20 things to do, separated by commas, each of at most 100 characters", parse: func(s string) ([]string, bool) {
	var list []string
	seen := map[string]bool{}
	for part := range strings.SplitSeq(s, ",") {
		part = strings.TrimSpace(part)
		if part == "" || len([]rune(part)) > 100 || seen[part] || len(list) == 20 {
			return nil, false
		}
		seen[part] = true
		list = append(list, part)
	}
	return list, true
}}
