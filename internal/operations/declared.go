package operations

import (
	"context"
	"errors"
	"strings"
	"time"

	"tenant-provisioning/internal/tenant"
)

// DeclaredStore is the incidents that were declared.
type DeclaredStore interface {
	Now(ctx context.Context) (time.Time, error)
	List(ctx context.Context) ([]tenant.DeclaredIncident, error)
	Find(ctx context.Context, id tenant.DeclaredID) (tenant.DeclaredIncident, error)
	Open(ctx context.Context, i tenant.DeclaredIncident, entry func(tenant.DeclaredIncident) tenant.AuditEntry) (tenant.DeclaredIncident, error)
	Change(ctx context.Context, id tenant.DeclaredID, change func(tenant.DeclaredIncident) (tenant.DeclaredIncident, error), entry func(tenant.DeclaredIncident) tenant.AuditEntry) (tenant.DeclaredIncident, error)
	Timeline(ctx context.Context, id tenant.DeclaredID, from, until time.Time) ([]tenant.TimelineEntry, error)
	Alerted(ctx context.Context, g tenant.AlertGroup, actor string, now time.Time, entry func(tenant.DeclaredIncident) tenant.AuditEntry) (tenant.AlertReceipt, error)
}

// Declared opens, reads and steers the incidents that people respond to, beside those of
// the breaker. It needs nothing but the database: an incident can be about the rest.
type Declared struct {
	Store   DeclaredStore
	Breaker IncidentStore
	Audit   AuditLog
}

// Incidents lists the newest 100 that were declared, those that are not closed first.
func (d *Declared) Incidents(ctx context.Context) ([]tenant.DeclaredIncident, error) {
	return d.Store.List(ctx)
}

// OfBreaker lists the newest 100 of the breaker, open ones first.
func (d *Declared) OfBreaker(ctx context.Context) ([]tenant.Incident, error) {
	return d.Breaker.List(ctx)
}

// Incident reads one with its updates and alerts.
func (d *Declared) Incident(ctx context.Context, id tenant.DeclaredID) (tenant.DeclaredIncident, error) {
	return d.Store.Find(ctx, id)
}

// Timeline reads an incident and what happened from a quarter of an hour before its
// detection until it was verified, or now. It is for staff.
func (d *Declared) Timeline(ctx context.Context, id tenant.DeclaredID) (tenant.DeclaredIncident, []tenant.TimelineEntry, error) {
	i, err := d.Store.Find(ctx, id)
	if err != nil {
		return tenant.DeclaredIncident{}, nil, err
	}
	now, err := d.Store.Now(ctx)
	if err != nil {
		return tenant.DeclaredIncident{}, nil, err
	}
	from, until := i.Span(now)
	entries, err := d.Store.Timeline(ctx, id, from, until)
	return i, entries, err
}

// Open declares an incident with a title and, where it is not now, the time of its
// detection.
//
// Errors: *tenant.InvalidError, tenant.ErrUnavailable.
func (d *Declared) Open(ctx context.Context, i tenant.DeclaredIncident, c tenant.DeclaredChange, who tenant.Caller) (tenant.DeclaredIncident, error) {
	now, err := d.Store.Now(ctx)
	if err != nil {
		return tenant.DeclaredIncident{}, err
	}
	c.Action, c.Actor = tenant.ActionOpenIncident, who.Actor
	if i, err = i.Declare(c, now); err != nil {
		return tenant.DeclaredIncident{}, err
	}
	return d.Store.Open(ctx, i, func(i tenant.DeclaredIncident) tenant.AuditEntry {
		return declaredEntry(c.Action, who, tenant.OutcomeAccepted, i.Updates[0].Message, i.ID.String()+", "+string(i.Severity)+": "+i.Title)
	})
}

// Change does what a person wants with an incident: update, resolve or reopen. It is
// audited whether made or refused.
//
// Errors: *tenant.InvalidError, tenant.ErrNotFound, *tenant.DeclaredRefusedError,
// tenant.ErrUnavailable.
func (d *Declared) Change(ctx context.Context, id tenant.DeclaredID, c tenant.DeclaredChange, who tenant.Caller) (tenant.DeclaredIncident, error) {
	now, err := d.Store.Now(ctx)
	if err != nil {
		return tenant.DeclaredIncident{}, err
	}
	c.Actor = who.Actor
	i, err := d.Store.Change(ctx, id, func(i tenant.DeclaredIncident) (tenant.DeclaredIncident, error) { return i.Change(c, now) },
		func(i tenant.DeclaredIncident) tenant.AuditEntry {
			last := i.Updates[len(i.Updates)-1]
			return declaredEntry(c.Action, who, tenant.OutcomeAccepted, last.Message, told(i, last))
		})
	if refused, ok := errors.AsType[*tenant.DeclaredRefusedError](err); ok {
		if audited := d.Refused(ctx, id, c.Action, who, refused.Error()); audited != nil {
			return tenant.DeclaredIncident{}, audited
		}
	}
	return i, err
}

// Alerted notes what Alertmanager sends, as often as it does: each alert counts once
// while it fires. What opens an incident is audited.
func (d *Declared) Alerted(ctx context.Context, g tenant.AlertGroup, who tenant.Caller) (tenant.AlertReceipt, error) {
	now, err := d.Store.Now(ctx)
	if err != nil {
		return tenant.AlertReceipt{}, err
	}
	return d.Store.Alerted(ctx, g, who.Actor, now, func(i tenant.DeclaredIncident) tenant.AuditEntry {
		return declaredEntry(tenant.ActionOpenIncident, who, tenant.OutcomeAccepted, i.Updates[0].Message, i.ID.String()+", "+string(i.Severity)+", by an alert: "+i.Title)
	})
}

// told is an update for the audit log.
func told(i tenant.DeclaredIncident, u tenant.IncidentUpdate) string {
	text := i.ID.String() + ", " + string(i.Severity)
	if len(u.Done) > 0 {
		done := make([]string, len(u.Done))
		for n, s := range u.Done {
			done[n] = string(s)
		}
		text += ", done: " + strings.Join(done, ", ")
	}
	if u.Public != "" {
		text += ", told in public: " + u.Public
	}
	return text
}

// Refused has a change of an incident audited that its sender may not make; id is zero
// where none is named.
func (d *Declared) Refused(ctx context.Context, id tenant.DeclaredID, a tenant.DeclaredAction, who tenant.Caller, why string) error {
	if id != 0 {
		why = id.String() + ": " + why
	}
	return d.Audit.Append(ctx, declaredEntry(a, who, tenant.OutcomeRefused, "", why))
}

func declaredEntry(a tenant.DeclaredAction, who tenant.Caller, outcome, reason, detail string) tenant.AuditEntry {
	return tenant.AuditEntry{Actor: who.Actor, Claimed: who.Claimed, Action: a.Audited(), Outcome: outcome, Reason: reason, Detail: detail}
}
