package output_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/stellar"
	"tenant-provisioning/internal/stellar/submit"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/output"
)

var update = flag.Bool("update", false, "write the golden files anew")

var accepted = time.Date(2026, 3, 14, 9, 26, 53, 589_000_000, time.UTC)

func aTenant() tenant.Tenant {
	return tenant.Tenant{
		ID: "0195942c-1a00-7b53-9b57-2f4d9b0a0f11", Name: "St. Mary's Hospital", Slug: "st_mary_s_hospital",
		Schema: "t_st_mary_s_hospital_9b0a0f11", Role: "t_st_mary_s_hospital_9b0a0f11", Status: tenant.StatusActive, Generation: 1,
		ContractID:    "CDLZFC3SYJYDZT7K67VZ75HPJVIEUVNIXF47ZG2FB2RMQQVU2HHGCYSC",
		Administrator: tenant.Administrator{Email: "ada@stmary.example", FirstName: "Ada", LastName: "Lovelace"},
		Tier:          "standard", Region: "default",
		CreatedAt: accepted, UpdatedAt: accepted.Add(2 * time.Second), ActivatedAt: accepted.Add(2 * time.Second),
	}
}

func anOperation() tenant.Operation {
	return tenant.Operation{
		ID: "0195942c-1a01-7d10-8c11-6f1f3a1e2b22", TenantID: aTenant().ID, Kind: tenant.KindProvision, State: tenant.StateSucceeded,
		ToStatus: tenant.StatusActive, Generation: 1, PivotPassed: true, CreatedAt: accepted, StartedAt: accepted.Add(20 * time.Millisecond),
		FinishedAt: accepted.Add(3210 * time.Millisecond), UpdatedAt: accepted.Add(3210 * time.Millisecond),
	}
}

// parked is an operation whose mail was rejected.
func parked() tenant.Progress {
	o := anOperation()
	o.State, o.FinishedAt = tenant.StateNeedsAttention, time.Time{}
	o.FailedStep, o.FailureClass, o.Attempts = tenant.StepSendWelcomeEmail, tenant.ClassPermanent, 1
	o.FailureReason = "smtp: refused the recipient's address (550 5.1.1): " + tenant.ChangeAddress
	o.AttentionDeadline = accepted.Add(72 * time.Hour)
	p := tenant.Progress{Tenant: aTenant(), Operation: o}
	for _, s := range tenant.KindProvision.Steps() {
		p.Steps = append(p.Steps, tenant.StepProgress{Step: s, Status: tenant.StepCompleted, Attempts: 1, Duration: 12_300 * time.Microsecond})
	}
	p.Steps[4].Attempts, p.Steps[4].Duration = 3, 71*time.Second
	p.Steps[7] = tenant.StepProgress{
		Step: tenant.StepSendWelcomeEmail, Status: tenant.StepFailed, Attempts: 1, Duration: 1500 * time.Millisecond,
		ErrorClass: tenant.ClassPermanent, Error: o.FailureReason,
	}
	return p
}

// moved is an operation that others have followed, and whose log lies in the backup store.
func moved() tenant.Progress {
	p := tenant.Progress{Tenant: aTenant(), Operation: anOperation()}
	p.Operation.LogMovedAt = accepted.AddDate(0, 3, 0)
	return p
}

func running() tenant.Progress {
	p := parked()
	p.Tenant.Status, p.Tenant.ContractID, p.Tenant.ActivatedAt = tenant.StatusProvisioning, "", time.Time{}
	p.Operation = anOperation()
	p.Operation.State, p.Operation.PivotPassed, p.Operation.FinishedAt = tenant.StateRunning, false, time.Time{}
	for i := range p.Steps[4:] {
		p.Steps[4+i] = tenant.StepProgress{Step: p.Steps[4+i].Step}
	}
	p.Steps[4].Status, p.Steps[4].Attempts = tenant.StepInProgress, 2
	return p
}

func blocked() tenant.Operation {
	o := anOperation()
	o.State, o.PivotPassed, o.FinishedAt = tenant.StateRollbackBlocked, false, time.Time{}
	o.FailedStep, o.FailureClass, o.FailureReason = tenant.StepCreateSchema, tenant.ClassUndoFailed, "the database does not answer"
	return o
}

// legacy are rows of the replaced application, one of each kind.
func legacy() []tenant.ImportRow {
	row := func(id, name string, state tenant.ImportState) tenant.ImportRow {
		return tenant.ImportRow{Legacy: tenant.Legacy{ID: id, Name: name, Schema: "tenant_" + id, Status: "ACTIVE"}, State: state}
	}
	ready, refused, left, done := row("17", "Charité", tenant.ImportReady), row("18", "Lakeside clinic", tenant.ImportRefused), row("19", "Closed clinic", tenant.ImportLeft), row("20", "St. Mary's Hospital", tenant.ImportDone)
	ready.Changes = []string{"makes the table audit_logs", "adds the index users_email to users"}
	refused.Refused = []string{"the schema tenant_18 is not there"}
	left.Refused = []string{`its status is "DELETED": only rows that are "active" are imported`}
	t := aTenant()
	done.Tenant = &t
	return []tenant.ImportRow{ready, refused, left, done}
}

func imported() output.Import {
	d := output.NewImport("legacy", false, legacy())
	d.Reached(0, "FAILED", "0195942c-1a02-7b53-9b57-2f4d9b0a0f11", anOperation().ID, "", "CREATE_SCHEMA: rows of the schema tenant_17 do not bear what the template demands (SQLSTATE 23505), table users, constraint users_email: correct them and import again")
	return d
}

func findings() []tenant.Finding {
	return []tenant.Finding{
		{
			ID: 12, Kind: tenant.FindingFailedWithSchema, Subject: aTenant().Schema, Tenant: aTenant().ID, Operation: anOperation().ID,
			Detail: "the schema is there, and its tenant was rolled back", Repair: "drops schema and role", State: tenant.FindingOpen,
			FirstSeen: accepted, LastSeen: accepted.Add(time.Hour),
		},
		{
			ID: 13, Kind: tenant.FindingRoleWithoutTenant, Subject: "t_gone", Detail: "nobody has it", Repair: "drops the role",
			State: tenant.FindingDismissed, FirstSeen: accepted, LastSeen: accepted, ResolvedAt: accepted, ResolvedBy: "ada",
		},
	}
}

func repaired() []tenant.Finding {
	return []tenant.Finding{{
		ID: 14, Kind: tenant.FindingContractUnknown, Subject: string(aTenant().ID), Tenant: aTenant().ID, Detail: "its row names no contract", Safe: true,
		Repair: "writes the contract that the journal says was made for the tenant", State: tenant.FindingRepaired,
		FirstSeen: accepted, LastSeen: accepted, ResolvedAt: accepted, ResolvedBy: tenant.ReconcilerActor,
	}}
}

// suspending is a suspension whose ledger has lost the key.
func suspending() tenant.Progress {
	p := tenant.Progress{Tenant: aTenant(), Operation: anOperation()}
	o := &p.Operation
	o.Kind, o.State, o.PivotPassed, o.FinishedAt = tenant.KindSuspend, tenant.StateNeedsAttention, false, time.Time{}
	o.FromStatus, o.ToStatus = tenant.StatusActive, tenant.StatusSuspended
	o.FailedStep, o.FailureClass, o.FailureReason, o.Attempts = tenant.StepSuspendContract, tenant.ClassAuth, "the signature is refused", 3
	o.AttentionDeadline = accepted.Add(72 * time.Hour)
	p.Tenant.OpenOperation = &tenant.OpenOperation{ID: o.ID, Kind: o.Kind, State: o.State}
	for _, s := range o.Lifecycle().Steps() {
		p.Steps = append(p.Steps, tenant.StepProgress{Step: s})
	}
	p.Steps[0].Status, p.Steps[0].Attempts, p.Steps[0].Duration = tenant.StepCompleted, 1, 12*time.Millisecond
	p.Steps[1] = tenant.StepProgress{Step: o.FailedStep, Status: tenant.StepFailed, Attempts: 3, Duration: time.Second, ErrorClass: o.FailureClass, Error: o.FailureReason}
	return p
}

// archived is a tenant whose archive is done.
func archived() tenant.Progress {
	p := tenant.Progress{Tenant: aTenant(), Operation: anOperation()}
	p.Operation.Kind, p.Operation.FromStatus, p.Operation.ToStatus = tenant.KindArchive, tenant.StatusSuspended, tenant.StatusArchived
	p.Tenant.Status, p.Tenant.ArchivedFrom, p.Tenant.PurgeAfter = tenant.StatusArchived, tenant.StatusSuspended, accepted.Add(30*24*time.Hour)
	return p
}

// waiting is an operation that an incident holds up.
func waiting() output.Status {
	p := running()
	p.Operation.WaitingFor = anIncident().WaitingFor()
	return output.NewStatus(p)
}

func happened() []tenant.Record {
	took := 12.3
	return []tenant.Record{
		{
			Source: tenant.RecordAudit, ID: 7, At: accepted, Tenant: aTenant().ID, Operation: running().Operation.ID,
			Actor: "ada", ActorClaimed: true, Action: "suspend", Outcome: "accepted", Reason: "ticket 4711",
		},
		{
			Source: tenant.RecordProvisioning, ID: 3, At: accepted.Add(time.Second), Tenant: aTenant().ID, Operation: running().Operation.ID,
			Step: tenant.StepRevokeAccess, Status: tenant.StepFailed, Attempt: 1, ErrorClass: tenant.ClassCapacity, Error: "the database's disk is full", DurationMS: &took, Archived: true,
		},
	}
}

func short() output.Status {
	p := running()
	p.Operation.State = tenant.StatePending
	p.Operation.WaitingFor = capacities()[0].WaitingFor()
	return output.NewStatus(p)
}

// aWindow is a read-only maintenance window under way.
func aWindow() tenant.Window {
	return tenant.Window{
		ID: "01920e6a-7c1e-7b53-9b57-2f4d9b0a0f77", State: tenant.WindowRunning, Title: "Regular maintenance", Mode: tenant.WindowReadOnly,
		StartsAt: accepted, StartedAt: accepted, EndsAt: accepted.Add(2 * time.Hour),
	}
}

func closed() output.Status {
	p := running()
	p.Operation.State = tenant.StatePending
	p.Operation.WaitingFor = aWindow().WaitingFor()
	return output.NewStatus(p)
}

func aMigration(state tenant.FleetState, failed int) tenant.FleetRun {
	r := tenant.FleetRun{
		ID: "01920e6a-7c1e-7b53-9b57-2f4d9b0a0f99", Kind: tenant.FleetMigrate, State: state, Wave: 5, Waves: 7, Params: []byte(`{"version":2}`),
		Counts: tenant.FleetCounts{Pending: 326, Done: 271, Failed: failed}, Actor: "ada", Reason: "release 2.4", CreatedAt: accepted, StartedAt: accepted,
	}
	if failed > 0 {
		r.Note = "6 tenants have failed, more than the budget of 5 allows; see why, then retry, resume or abort"
	}
	return r
}

func capacities() []tenant.Capacity {
	const gib = 1 << 30
	reading := func(r tenant.Resource, used, bound int64) tenant.CapacityReading {
		return tenant.CapacityReading{Resource: r, Used: used, Bound: &bound}
	}
	grows := float64(gib / 2)
	disk := tenant.Capacity{CapacityReading: reading(tenant.ResourceDisk, 95*gib, 100*gib), ReadAt: accepted, Growth: &grows, ShortSince: accepted}
	disk.Why = disk.Cause()
	spent := 40_000_000.
	return []tenant.Capacity{
		disk,
		{CapacityReading: reading(tenant.ResourceConnections, 31, 97), ReadAt: accepted},
		{CapacityReading: reading(tenant.ResourceLocks, 120, 6400), ReadAt: accepted, Age: time.Hour},
		{CapacityReading: reading(tenant.ResourceBalance, 700_000_000, 3_000_000_000), ReadAt: accepted, Growth: &spent},
	}
}

func aLedger() stellar.Report {
	const days = 24 * time.Hour
	return stellar.Report{
		Passphrase: "Test SDF Network ; September 2015", Protocol: 28, Ledger: 4711, Age: 3 * time.Second, Pace: 5 * time.Second, Bid: 110, Price: 2_900_000,
		Limits:   submit.Limits{Transaction: 20_000_000, Upload: 1_000_000_000, Operation: 200_000_000, Day: 10_000_000_000, Keeper: 1_000_000_000, Month: 3_000_000_000},
		Spent:    submit.Spending{Day: 57_500_000, Month: 602_700_000},
		Accounts: []stellar.AccountReport{{Role: "deployer", Address: "GDEPLOYER", Balance: 10_000_000}, {Role: "payer", Address: "GPAYER", Balance: -1}}, Days: 61.4,
		Channels: []stellar.ChannelReport{
			{Channel: submit.Channel{Address: "GONE"}, Balance: 10_000_000, Signs: true},
			{Channel: submit.Channel{Address: "GTWO", Leased: true, Open: "abc1"}, Number: 1, Balance: 10_000_000, Signs: true},
			{Channel: submit.Channel{Address: "GTHREE", SetAside: accepted, Why: "its own key has the weight 0"}, Number: 2, Balance: 15_000_000},
			{Channel: submit.Channel{Address: "GFOUR"}, Number: 3, Balance: -1},
		},
		Keeping: tenant.Keeping{Lives: []tenant.EntryLife{
			{Entry: "c1fb722d", Until: 9000, Left: 61 * days}, {Entry: "CLONG", Tenant: aTenant().ID, Until: 9001, Left: 119 * days},
			{Entry: "CSHORT", Tenant: aTenant().ID, Until: 4800, Left: 30 * time.Hour}, {Entry: "CGONE", Tenant: aTenant().ID, Archived: true},
		}},
	}
}

func doubtful() submit.Doubt {
	return submit.Doubt{
		Transaction: submit.Transaction{Hash: "abc1", Purpose: submit.PurposeDeploy, State: submit.StateSent, Fence: tenant.Fence{Operation: "0195942c-0000-7b53-9b57-2f4d9b0a0f11"}, MaxTime: accepted.Add(time.Minute)},
		Note:        "the Stellar RPC server says TRY_AGAIN_LATER", Since: accepted,
	}
}

func anIncident() tenant.Incident {
	return tenant.Incident{
		ID: 3, Dependency: tenant.DependencyLedger, Cause: "the RPC server does not answer", Affected: 12, OpenedAt: accepted,
	}
}

// TestGolden compares each answer with what it looked like when somebody last
// looked at it, as a table and as JSON.
// aDeclared is one that is assessed, a minute late, and not mitigated.
func aDeclared() tenant.DeclaredIncident {
	return tenant.DeclaredIncident{
		ID: 12, Title: "Mails are late", Severity: tenant.SeverityMajor, Components: []tenant.Component{tenant.ComponentMail}, OpenedBy: "ada@platform",
		OpenedAt: accepted.Add(time.Minute), DetectedAt: accepted, AssessedAt: accepted.Add(6 * time.Minute),
		Alerts: []tenant.IncidentAlert{{Fingerprint: "f00", Name: "MailFails", Summary: "Mails are refused", StartsAt: accepted}},
		Updates: []tenant.IncidentUpdate{
			{Kind: tenant.UpdateDeclared, At: accepted.Add(time.Minute), Actor: "ada@platform", Message: "ticket 1", Public: "E-mails arrive with delay.", Done: []tenant.ResponseStep{tenant.ResponseDetection}},
			{Kind: tenant.UpdateChanged, At: accepted.Add(6 * time.Minute), Actor: "ada@platform", Message: "the provider has an outage", Done: []tenant.ResponseStep{tenant.ResponseAssessment}},
		},
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	other := aTenant()
	other.Name, other.Schema, other.Status, other.ContractID = "東京 \u202eletipsoh 病院", "t_0a0f12aa", tenant.StatusFailed, ""
	other.FailureReason, other.ActivatedAt = "contract: refused", time.Time{}
	undoing := other
	undoing.Status, undoing.FailureReason = tenant.StatusProvisioning, ""
	for name, d := range map[string]output.Document{
		"provisioned":      output.NewAccepted(aTenant(), anOperation()),
		"provisioned-open": output.NewAccepted(running().Tenant, running().Operation),
		"provisioned-park": output.NewAccepted(parked().Tenant, parked().Operation),
		"tenants":          output.NewTenants([]tenant.Tenant{aTenant(), other}, nil, "YWZ0ZXI6"),
		"tenants-waiting":  output.NewTenants([]tenant.Tenant{aTenant(), undoing}, map[tenant.ID]*tenant.WaitingFor{aTenant().ID: anIncident().WaitingFor()}, ""),
		"tenants-window":   output.NewTenants([]tenant.Tenant{aTenant(), undoing}, map[tenant.ID]*tenant.WaitingFor{aTenant().ID: aWindow().WaitingFor()}, ""),
		"tenants-short":    output.NewTenants([]tenant.Tenant{aTenant(), undoing}, map[tenant.ID]*tenant.WaitingFor{aTenant().ID: capacities()[0].WaitingFor()}, ""),
		"capacity":         output.NewCapacities(capacities()),
		"capacity-never":   output.NewCapacities([]tenant.Capacity{{CapacityReading: tenant.CapacityReading{Resource: tenant.ResourceDisk}}}),
		"records":          output.NewRecords(tenant.Page[tenant.Record]{Items: happened(), NextCursor: happened()[1].Position().Cursor()}),
		"records-none":     output.NewRecords(tenant.Page[tenant.Record]{}),
		"tenants-none":     output.NewTenants(nil, nil, ""),
		"attention": output.Attention{More: true, Items: []output.Waiting{
			{Operation: output.NewOperation(blocked()), Tenant: output.NewTenant(undoing)},
			{Operation: output.NewOperation(parked().Operation), Tenant: output.NewTenant(aTenant())},
		}},
		"attention-none": output.Attention{Items: []output.Waiting{}},
		"attention-open": output.Attention{Items: []output.Waiting{}, Incidents: []tenant.Incident{anIncident()}},
		"incident":       output.NewDeclaredIncident(aDeclared(), accepted.Add(7*time.Minute)),
		"incident-postmortem": output.Postmortem{Incident: output.NewDeclaredIncident(aDeclared(), accepted.Add(7*time.Minute)), Timeline: []tenant.TimelineEntry{
			{At: accepted, Source: tenant.SourceAlert, Text: "MailFails fires: Mails are refused"},
			{At: accepted.Add(time.Minute), Source: tenant.SourceMessage, Actor: "ada@platform", Text: "ticket 1 | urgent", Public: "E-mails arrive with delay."},
		}},
		"incident-list":  output.NewDeclaredIncidents([]tenant.DeclaredIncident{aDeclared()}, []tenant.Incident{anIncident()}, accepted.Add(time.Hour)),
		"incident-none":  output.NewDeclaredIncidents(nil, nil, accepted),
		"status-parked":  output.NewStatus(parked()),
		"status-running": output.NewStatus(running()),
		"status-earlier": output.NewStatus(tenant.Progress{Tenant: aTenant(), Operation: anOperation()}),
		"status-moved":   output.NewStatus(moved()),
		"status-waiting": waiting(),
		"status-short":   short(),
		"status-window":  closed(),
		"status-suspend": output.NewStatus(suspending()),
		"status-archive": output.NewStatus(archived()),
		"status-blocked": output.NewStatus(tenant.Progress{Tenant: undoing, Operation: blocked()}),
		"findings":       output.NewFindings(tenant.Reconciliation{Open: findings(), Repaired: repaired(), Incomplete: []string{"the ledger: it does not answer"}}),
		"ledger":         output.NewLedger(aLedger(), []submit.Doubt{doubtful()}, ""),
		"ledger-away":    output.NewLedger(stellar.Report{Passphrase: "Test SDF Network ; September 2015", Days: -1, Limits: aLedger().Limits}, nil, "the Stellar RPC server does not answer"),
		"channels":       output.NewChannels(aLedger().Channels, ""),
		"findings-none":  output.NewFindings(tenant.Reconciliation{}),
		"acted":          output.Acted{Action: tenant.ActionRetry, Operation: output.NewOperation(running().Operation)},
		"token":          output.Token{Token: "aaa.bbb.ccc", Role: "viewer", Subject: "ada", ExpiresAt: accepted},
		"migration":      output.Migration{From: 0, To: 3},
		"fleet-running":  output.NewFleetRun(aMigration(tenant.FleetRunning, 0), nil),
		"fleet-paused":   output.NewFleetRun(aMigration(tenant.FleetPaused, 6), []tenant.FleetItem{{Tenant: aTenant().ID, Attempts: 1, Error: "00002_phone.sql fails on this tenant's schema (SQLSTATE 42701)"}}),
		"migrated":       output.Migration{From: 3, To: 3},
		"migrated-alike": output.Migration{From: 3, To: 3, Alike: []tenant.Alike{{
			ID: aTenant().ID, Name: "St.\u00a0Mary's  Hospital", Holder: "0195942c-0000-7b53-9b57-2f4d9b0a0f11", HolderName: aTenant().Name,
		}}},
		"import-dry": output.NewImport("legacy", true, legacy()),
		"import":     imported(),
		"setup":      output.Setup{Done: []string{"one", "two"}},
		"version":    output.Version{Version: "v1.2.3", Revision: "0123abc", Modified: true, Committed: accepted, Go: "go1.26.8"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden(t, name+".txt", render(t, output.Table, d))
			encoded := render(t, output.JSON, d)
			require.True(t, json.Valid([]byte(encoded)))
			golden(t, name+".json", encoded)
		})
	}
}

func render(t *testing.T, f output.Format, d output.Document) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, output.Write(&b, f, d))
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o750))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "run the test with -update and look at the new file")
	require.Equal(t, string(want), got)
}

func TestGridUsesWidthsOnTheScreen(t *testing.T) {
	t.Parallel()
	text := output.Grid([]string{"A", "B"}, [][]string{{"病院", "x"}, {"e\u0301", "x"}, {"🏥", "x"}})
	require.Equal(t, "A     B\n病院  x\ne\u0301     x\n🏥    x\n", text)
}

func TestNoNameDisguisesItsNeighbours(t *testing.T) {
	t.Parallel()
	text := output.Grid([]string{"NAME", "STATUS"}, [][]string{{"a\u202eb\x1b[2J\nc", "FAILED"}})
	require.Equal(t, 2, strings.Count(text, "\n"))
	require.Contains(t, text, `a\u202eb\u001b[2J\u000ac  FAILED`)
	require.Equal(t, "خانه\u200cها", output.Visible("خانه\u200cها"), "a joiner is part of Persian words")
}

func TestEveryAllowedActionHasItsCommand(t *testing.T) {
	t.Parallel()
	for _, state := range tenant.States() {
		for _, passed := range []bool{false, true} {
			o := anOperation()
			o.State, o.PivotPassed = state, passed
			commands := output.Commands(o)
			require.Len(t, commands, len(o.AllowedActions()))
			for i, a := range o.AllowedActions() {
				require.Equal(t, "starter "+string(a)+" "+string(o.ID)+` --reason "WHY"`, commands[i].Line)
				require.NotEmpty(t, commands[i].Does)
			}
		}
	}
}
