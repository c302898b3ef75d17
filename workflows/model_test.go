package workflows_test

import (
	"cmp"
	"context"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"

	"tenant-provisioning/activities"
	"tenant-provisioning/internal/tenant"
)

// model is everything that an operation has an effect on, in memory: the
// rows of the database with their fence and compare-and-set, the tenant's
// schema, its contract on a ledger that forgets nothing, and a mail provider.
// The real activities run on it. Every call passes call, where faults are.
type model struct {
	mu sync.Mutex

	operation tenant.Operation
	// takenOver tells that a run of the operation was released.
	takenOver bool
	tenant    tenant.Tenant
	schema    bool
	// access tells that the tenant's role can use its schema.
	access bool
	ledger ledger
	mails  mails
	// incident stands before every step while its id is set.
	incident tenant.Incident
	log      []logRow
	audits   []tenant.AuditEntry
	// parked tells that a run has parked, and decided counts the retries and skips
	// that were accepted when one last went on.
	parked  bool
	decided int
	// told counts how often people were told again of a parking.
	told int
	// filled tells that a restore has a schema beside the tenant's, and restored that it
	// has taken its place.
	filled, restored bool
	// undosSkipped counts the undos that an administrator has given up.
	undosSkipped int

	calls []string
	// sites are the calls with the activities that make them, pivotAt is how many
	// there were when the pivot was passed, and ended is the one that ended the
	// operation.
	sites   []string
	pivotAt int
	ended   string
	faults  []*fault
	// late holds effects of attempts that were given up, which come back.
	late []lateEffect
	// underWay counts the calls that have not answered.
	underWay int
	// exclusive makes it wrong to undo beside a call under way. The test
	// environment does not wait for an attempt that it cancels; the server does.
	exclusive bool
	// moved is told each state that was committed.
	moved func(tenant.State)
	// wrongs are things that must never happen, whatever the end looks like.
	wrongs []string
}

type logRow struct {
	Step   tenant.Step
	Status tenant.StepStatus
}

// newModel holds an accepted tenant whose operation waits for a run.
func newModel() *model { return newModelOf(tenant.KindProvision, "", tenant.StatusActive) }

// newModelOf holds a tenant in the status from, with an accepted operation that
// leads to another; from is empty for a tenant that comes with its operation.
func newModelOf(kind tenant.Kind, from, to tenant.Status) *model {
	m := &model{moved: func(tenant.State) {}, mails: mails{}}
	m.tenant = tenant.Tenant{
		ID: "01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11", Generation: 1, Status: from,
		Administrator: tenant.Administrator{Email: "ada@hospital.example", FirstName: "Ada", LastName: "Lovelace"},
	}
	m.operation = tenant.Operation{
		ID: "01920e6a-7c1e-7b53-9b57-2f4d9b0a0f22", TenantID: m.tenant.ID, Kind: kind,
		State: tenant.StatePending, Generation: 1, FromStatus: from, ToStatus: to,
	}
	l := m.operation.Lifecycle()
	m.tenant.Status = cmp.Or(l.Waiting, from)
	if l.Accepted != "" {
		m.record(l.Accepted, tenant.StepCompleted)
	}
	m.access = from == tenant.StatusActive
	switch status := from.Contract(); status {
	case tenant.ContractActive, tenant.ContractSuspended:
		m.schema, m.tenant.ContractID, m.tenant.ActivatedAt = true, contractID, time.Unix(1, 0)
		m.ledger = ledger{deployed: true, suspended: status == tenant.ContractSuspended}
	case tenant.ContractTerminated:
		m.ledger = ledger{deployed: true, terminated: true}
	}
	return m
}

// steps are the real activities on the model.
func (m *model) steps() []any {
	return []any{
		&activities.Schema{Store: m, Failures: m},
		&activities.Access{Store: m, Failures: m, Grace: time.Hour},
		&activities.Contract{Store: m, Ledger: m, Failures: m},
		&activities.Activation{Store: m, Failures: m},
		&activities.Purge{Store: m, Failures: m},
		&activities.Email{
			Outbox: m, Mailer: m, Failures: m, InvitationKeys: invitationKeys{}, InvitationTTL: time.Hour, AppURL: "https://app.example",
		},
		&activities.Opening{Restorer: m, Failures: m},
		&activities.Restore{Store: restoring{m}, Failures: m},
		m.operationSteps(),
	}
}

func (m *model) operationSteps() *activities.Operation {
	return &activities.Operation{Store: m, Audit: m, Breaker: m, TakesWrites: m.TakesWrites}
}

// call is one call from an activity to the world: it may fail before its
// effect or after it.
func (m *model) call(ctx context.Context, name string, effect func() error) error {
	at := site(ctx, name)
	f := m.enter(name, at)
	defer m.leave()
	if f != nil && f.before != nil {
		if err := f.before(ctx); err != nil {
			if f.late != "" {
				m.leaveLate(f.late, effect)
			}
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := m.apply(at, effect); err != nil {
		return err
	}
	if f != nil && f.after != nil {
		return f.after(ctx)
	}
	return nil
}

// site is a call with the activity that makes it.
func site(ctx context.Context, name string) string {
	if !activity.IsActivity(ctx) {
		return name
	}
	return activity.GetInfo(ctx).ActivityType.Name + "." + name
}

// at tells that a call is the one that is meant, by its name or by its site.
func at(meant, name, site string) bool { return meant == name || meant == site }

func (m *model) apply(at string, effect func() error) error {
	m.mu.Lock()
	before, told, open := m.operation, m.told, m.access
	err := effect()
	after := m.operation
	if !before.PivotPassed && after.PivotPassed {
		m.pivotAt = len(m.sites)
	}
	if after.State == tenant.StateSucceeded && before.State != after.State {
		m.ended = at
	}
	m.look(before, open)
	told = m.told - told
	m.mu.Unlock()
	if after.State != before.State || told > 0 {
		m.moved(after.State)
	}
	return err
}

// look notes what no effect may bring about. before is the operation before it,
// and open tells whether the data could be used.
func (m *model) look(before tenant.Operation, open bool) {
	o := m.operation
	if before.PivotPassed && (o.State == tenant.StateRollingBack || o.State == tenant.StateRolledBack || !o.PivotPassed) {
		m.wrong("it was undone after the pivot")
	}
	if m.access && !open && o.Lifecycle().FailsClosed && before.State != tenant.StateRollingBack {
		m.wrong("access was given back on the way forward")
	}
	if m.access && o.PivotPassed && m.tenant.Status != tenant.StatusActive {
		m.wrong("the data of a tenant can be used that is " + string(m.tenant.Status))
	}
}

// enter notes a call, lets late effects happen that are due, and finds the
// fault that the call meets.
func (m *model) enter(name, site string) *fault {
	m.mu.Lock()
	m.calls, m.sites = append(m.calls, name), append(m.sites, site)
	if m.exclusive && m.underWay > 0 && (name == "Terminate" || name == "DropSchema") {
		m.wrong(name + " beside a call under way")
	}
	m.underWay++
	var due []lateEffect
	for i := 0; i < len(m.late); {
		if l := m.late[i]; at(l.before, name, site) {
			due = append(due, l)
			m.late = append(m.late[:i], m.late[i+1:]...)
			continue
		}
		i++
	}
	var met *fault
	for _, f := range m.faults {
		if !at(f.call, name, site) {
			continue
		}
		f.met++
		if met == nil && f.met > f.spared && f.met <= f.spared+f.times {
			met = f
		}
	}
	m.mu.Unlock()
	for _, l := range due {
		_ = m.apply("", l.effect) // nobody waits for its answer any more
	}
	return met
}

func (m *model) leave() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.underWay--
}

// pass is the fence of internal/postgres.
func (m *model) pass(f tenant.Fence) error {
	o := m.operation
	if o.ID != f.Operation || o.TenantID != f.Tenant || o.Generation != f.Generation || o.RunID != f.Run || o.State != f.State {
		return tenant.ErrSuperseded
	}
	return nil
}

func (m *model) record(step tenant.Step, status tenant.StepStatus) {
	m.log = append(m.log, logRow{step, status})
}

func (m *model) wrong(what string) { m.wrongs = append(m.wrongs, what) }

// RecordFailure implements activities.FailureLog.
func (m *model) RecordFailure(ctx context.Context, _ tenant.Fence, fail tenant.Failure) error {
	return m.call(ctx, "RecordFailure", func() error {
		m.record(fail.Step, tenant.StepFailed)
		return nil
	})
}

// Blocking implements activities.Breaker.
func (m *model) Blocking(context.Context, tenant.Step) (tenant.Incident, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.incident, nil
}

// Detect implements activities.Breaker.
func (m *model) Detect(ctx context.Context, fail tenant.Failure) (tenant.Incident, bool, error) {
	i, err := m.Blocking(ctx, fail.Step)
	return i, false, err
}

// DetectOutage implements activities.Breaker.
func (m *model) DetectOutage(context.Context, error) (tenant.Incident, bool, error) {
	return tenant.Incident{Dependency: tenant.DependencyDatabase}, false, nil
}

// TakesWrites is activities.Operation's.
func (m *model) TakesWrites(context.Context) error { return nil }

// Create implements activities.SchemaStore.
func (m *model) Create(ctx context.Context, f tenant.Fence) error {
	return m.call(ctx, "CreateSchema", func() error {
		if err := m.pass(f); err != nil {
			return err
		}
		if m.schema {
			return nil
		}
		m.schema, m.access = true, true
		for _, step := range []tenant.Step{tenant.StepCreateSchema, tenant.StepRunMigrations, tenant.StepSeedRolesAndUser} {
			m.record(step, tenant.StepCompleted)
		}
		return nil
	})
}

// Drop implements activities.SchemaStore.
func (m *model) Drop(ctx context.Context, f tenant.Fence) error {
	return m.call(ctx, "DropSchema", func() error {
		if err := m.pass(f); err != nil {
			return err
		}
		if !m.schema {
			return nil
		}
		if !m.tenant.ActivatedAt.IsZero() {
			m.wrong("the schema of an active tenant was to be dropped")
			return &tenant.StepError{Step: tenant.StepCreateSchema, Class: tenant.ClassConflict, Permanent: true, Reason: "the tenant was active once"}
		}
		m.schema, m.access = false, false
		m.record(tenant.StepCreateSchema, tenant.StepRolledBack)
		return nil
	})
}

// Remove implements activities.SchemaStore.
func (m *model) Remove(ctx context.Context, f tenant.Fence) error {
	return m.effect(ctx, "RemoveSchema", f, func() {
		if !m.operation.PivotPassed || m.operation.ToStatus != tenant.StatusDeleted {
			m.wrong("the schema of a tenant was removed that nobody purges")
		}
		m.schema = false
		m.record(tenant.StepDropSchema, tenant.StepCompleted)
	})
}

// MarkActive implements activities.ActivationStore.
func (m *model) MarkActive(ctx context.Context, f tenant.Fence) error {
	return m.call(ctx, "MarkActive", func() error {
		if err := m.pass(f); err != nil {
			return err
		}
		if m.tenant.Status != tenant.StatusProvisioning {
			return nil
		}
		if !m.schema || m.tenant.ContractID == "" {
			m.wrong("a tenant without schema or contract became active")
		}
		m.tenant.Status, m.tenant.ActivatedAt, m.operation.PivotPassed = tenant.StatusActive, time.Unix(1, 0), true
		m.record(tenant.StepMarkActive, tenant.StepCompleted)
		return nil
	})
}
