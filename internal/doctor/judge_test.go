package doctor_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/doctor"
	"tenant-provisioning/internal/tenant"
)

const (
	hour = time.Hour
	days = 24 * time.Hour
	// roomless is a folder whose file system has room for nothing.
	roomless = "/proc"
)

// The facts of an installation on which all is well; a case changes some.

type databaseFacts struct {
	server      doctor.DatabaseServer
	note        string
	migrated    error
	restored    doctor.Restored
	login       doctor.Login
	connections doctor.Connections
	locks       doctor.Locks
	replication doctor.Replication
	disk        doctor.DatabaseDisk
	clock       doctor.Clock
	workers     tenant.WorkerState
	capacity    []tenant.Capacity
}

func soundDatabase() *databaseFacts {
	return &databaseFacts{
		server:      doctor.DatabaseServer{Version: "15.18", Major: 15, Encrypted: true},
		login:       doctor.Login{Name: "platform", CreateRole: true, CreateSchemas: true},
		connections: doctor.Connections{Max: 100, Limit: 97, Others: 3},
		locks:       doctor.Locks{PerTransaction: 64, Connections: 100, Slots: 6400, Tables: 820, Schemas: 100, PerSchema: 8},
		workers:     tenant.WorkerState{Workers: []tenant.Worker{{ID: "w", Host: "a", Queues: []string{"q"}}}},
	}
}

func (f *databaseFacts) Server(context.Context) (doctor.DatabaseServer, error) { return f.server, nil }
func (f *databaseFacts) Migrated(context.Context) (string, error)              { return f.note, f.migrated }
func (f *databaseFacts) Restored(context.Context) (doctor.Restored, error)     { return f.restored, nil }
func (f *databaseFacts) Login(context.Context) (doctor.Login, error)           { return f.login, nil }
func (f *databaseFacts) Connections(context.Context) (doctor.Connections, error) {
	return f.connections, nil
}
func (f *databaseFacts) Locks(context.Context) (doctor.Locks, error) { return f.locks, nil }
func (f *databaseFacts) Replication(context.Context) (doctor.Replication, error) {
	return f.replication, nil
}
func (f *databaseFacts) Disk(context.Context) (doctor.DatabaseDisk, error) { return f.disk, nil }
func (f *databaseFacts) Capacity(context.Context) ([]tenant.Capacity, error) {
	return f.capacity, nil
}
func (f *databaseFacts) Clock(context.Context) (doctor.Clock, error) { return f.clock, nil }
func (f *databaseFacts) Workers(context.Context) (tenant.WorkerState, error) {
	return f.workers, nil
}

// stands is how it stands with connections, of a hundred.
func stands(used int64, growth float64, age time.Duration) []tenant.Capacity {
	bound := int64(100)
	return []tenant.Capacity{{
		CapacityReading: tenant.CapacityReading{Resource: tenant.ResourceConnections, Used: used, Bound: &bound},
		ReadAt:          time.Now().Add(-age), Age: age, Growth: &growth,
	}}
}

// line finds a check's line.
func line(t *testing.T, s doctor.Subject, check string) doctor.Line {
	t.Helper()
	for _, l := range doctor.Examine(t.Context(), doctor.Within, []doctor.Subject{s}) {
		if l.Check == check {
			return l
		}
	}
	require.FailNow(t, "there is no line of "+check)
	return doctor.Line{}
}

// judged holds a line against what it must be.
func judged(t *testing.T, l doctor.Line, state doctor.State, text string) {
	t.Helper()
	require.Equal(t, state, l.State, l.Says)
	require.Contains(t, l.Says+" mend: "+l.Mend, text)
	require.Equal(t, state == doctor.OK, l.Mend == "", "what is wrong can be mended: "+l.Says)
}

// eachFails wants a case for every check of a subject in which it is not ok: what a
// check is for is then known to be said.
func eachFails(t *testing.T, s doctor.Subject, failing map[string]bool) {
	t.Helper()
	for _, c := range append([]doctor.Check{s.Server}, s.Checks...) {
		if c.Name != "" { // the subject has no server
			require.True(t, failing[c.Name], "%s/%s fails in no case", s.Name, c.Name)
		}
	}
}

var restored = doctor.Restored{NotLive: "restored", AsOf: time.Date(2026, 11, 30, 2, 0, 0, 0, time.UTC)}

func TestADatabaseIsJudged(t *testing.T) {
	t.Parallel()
	plan, failing := doctor.Plan{Pool: 16}, map[string]bool{}
	for _, l := range doctor.Examine(t.Context(), doctor.Within, []doctor.Subject{doctor.ExamineDatabase(soundDatabase(), plan)}) {
		judged(t, l, doctor.OK, "")
	}
	for name, c := range map[string]struct {
		check  string
		change func(*databaseFacts, *doctor.Plan)
		state  doctor.State
		says   string
	}{
		"an old server": {"server", func(f *databaseFacts, _ *doctor.Plan) { f.server.Major, f.server.Version = 14, "14.2" }, doctor.Failure, "upgrade the server to PostgreSQL 15"},
		"in clear":      {"server", func(f *databaseFacts, _ *doctor.Plan) { f.server.Encrypted = false }, doctor.Warning, "DB_SSLMODE=verify-full"},
		"not migrated":  {"tables", func(f *databaseFacts, _ *doctor.Plan) { f.migrated = errors.New("none") }, doctor.Failure, "starter migrate"},
		"ahead":         {"tables", func(f *databaseFacts, _ *doctor.Plan) { f.note = "A newer version" }, doctor.Warning, "replace this program"},
		"half restored": {"live", func(f *databaseFacts, _ *doctor.Plan) { f.restored.NotLive = "filling" }, doctor.Failure, "run again: starter restore --all --yes; then: starter restore --go-live (docs/runbooks/restore-all.md)"},
		"restored":      {"live", func(f *databaseFacts, _ *doctor.Plan) { f.restored = restored }, doctor.Failure, "as it was at 2026-11-30T02:00:00Z, and is not live: it sends, dispatches and signs nothing mend: look at the data, then run: starter restore --go-live (docs/runbooks/restore-all.md)"},
		"a clone":       {"live", func(f *databaseFacts, _ *doctor.Plan) { f.restored.NotLive = "clone" }, doctor.Warning, "starter restore --go-live refuses it"},
		"once restored": {"live", func(f *databaseFacts, _ *doctor.Plan) {
			f.restored.AsOf, f.restored.WentLive = restored.AsOf, time.Now()
		}, doctor.OK, "went live at"},
		"no roles":              {"rights", func(f *databaseFacts, _ *doctor.Plan) { f.login.CreateRole = false }, doctor.Failure, "ALTER ROLE platform CREATEROLE"},
		"no schemas":            {"rights", func(f *databaseFacts, _ *doctor.Plan) { f.login.CreateSchemas = false }, doctor.Failure, "GRANT CREATE ON DATABASE"},
		"too many rights":       {"rights", func(f *databaseFacts, _ *doctor.Plan) { f.login.Beyond = []string{"BYPASSRLS"} }, doctor.Warning, "BYPASSRLS"},
		"a superuser":           {"rights", func(f *databaseFacts, _ *doctor.Plan) { f.login.Superuser = true }, doctor.Warning, "superuser"},
		"a password that ends":  {"password", func(f *databaseFacts, _ *doctor.Plan) { f.login.PasswordUntil = time.Now().Add(5 * days) }, doctor.Warning, "in 5 days"},
		"a password that ended": {"password", func(f *databaseFacts, _ *doctor.Plan) { f.login.PasswordUntil = time.Now().Add(-hour) }, doctor.Failure, "VALID UNTIL"},
		// Three apis and two workers: 3×17 + 2×21 + 8 = 101.
		"too many processes": {"connections", func(_ *databaseFacts, p *doctor.Plan) { p.APIs, p.Workers = 3, 2 }, doctor.Failure, "up to 101 connections"},
		// As they are connected now: 2×17 + 2×21 + 8 = 84, and 20 others.
		"others": {"connections", func(f *databaseFacts, _ *doctor.Plan) {
			f.connections.APIs, f.connections.Workers, f.connections.Others = 2, 2, 20
		}, doctor.Warning, "raise max_connections by 7"},
		"too many tenants": {"locks", func(f *databaseFacts, _ *doctor.Plan) { f.locks.Tables = 8000 }, doctor.Warning, "max_locks_per_transaction to 121"},
		"far too many":     {"locks", func(f *databaseFacts, _ *doctor.Plan) { f.locks.Tables = 12889 }, doctor.Warning, "out of shared memory"},
		"no room": {"capacity", func(f *databaseFacts, _ *doctor.Plan) {
			f.capacity = stands(95, 0, time.Minute)
			f.capacity[0].ShortSince, f.capacity[0].Why = time.Now(), "it is full"
		}, doctor.Failure, "it is full mend: docs/runbooks/capacity.md"},
		"little room":    {"capacity", func(f *databaseFacts, _ *doctor.Plan) { f.capacity = stands(50, 10, time.Minute) }, doctor.Warning, "50 of 100, room for 4 days"},
		"an old reading": {"capacity", func(f *databaseFacts, _ *doctor.Plan) { f.capacity = stands(50, 0, time.Hour) }, doctor.Warning, "no worker has read it since"},
		"no reading":     {"capacity", func(f *databaseFacts, _ *doctor.Plan) { f.capacity = []tenant.Capacity{{}} }, doctor.Warning, "no worker has read it yet"},
		"a lagging standby": {"replication", func(f *databaseFacts, _ *doctor.Plan) {
			f.replication = doctor.Replication{Standbys: 1, Behind: time.Minute, Bytes: 1 << 20}
		}, doctor.Warning, "behind by"},
		"a hidden standby": {"replication", func(f *databaseFacts, _ *doctor.Plan) { f.replication = doctor.Replication{Standbys: 1, Hidden: 1} }, doctor.Warning, "pg_read_all_stats"},
		"an idle slot": {"replication", func(f *databaseFacts, _ *doctor.Plan) {
			f.replication.Idle, f.replication.Kept = []string{"old"}, 2<<30
		}, doctor.Failure, "pg_drop_replication_slot"},
		"a disk that is full":         {"disk", func(f *databaseFacts, _ *doctor.Plan) { f.disk.Folder = roomless }, doctor.Failure, "database-full.md"},
		"a clock ahead":               {"clock", func(f *databaseFacts, _ *doctor.Plan) { f.clock.Ahead = 5 * time.Second }, doctor.Warning, "5s ahead of"},
		"a clock behind":              {"clock", func(f *databaseFacts, _ *doctor.Plan) { f.clock.Ahead = -time.Minute }, doctor.Failure, "1m0s behind"},
		"no worker":                   {"workers", func(f *databaseFacts, _ *doctor.Plan) { f.workers.Workers = nil; f.workers.Progress = -1 }, doctor.Failure, "no-worker.md"},
		"a worker that has just gone": {"workers", func(f *databaseFacts, _ *doctor.Plan) { f.workers.Workers[0].Stopped = true }, doctor.Warning, "in a minute"},
		"a queue of nobody":           {"workers", func(_ *databaseFacts, p *doctor.Plan) { p.Place.Queues = []string{"q", "q-email"} }, doctor.Failure, "q-email"},
		"a worker's wish":             {"workers", func(f *databaseFacts, _ *doctor.Plan) { f.workers.Workers[0].Note = "migrate" }, doctor.Warning, "migrate"},
	} {
		facts, plan := soundDatabase(), plan
		c.change(facts, &plan)
		l := line(t, doctor.ExamineDatabase(facts, plan), c.check)
		require.Equal(t, c.state, l.State, name)
		judged(t, l, c.state, c.says)
		failing[c.check] = failing[c.check] || c.state != doctor.OK
	}
	eachFails(t, doctor.ExamineDatabase(soundDatabase(), plan), failing)
	before := soundDatabase()
	before.workers = tenant.WorkerState{Progress: -1}
	judged(t, line(t, doctor.ExamineDatabase(before, doctor.Plan{Pool: 16, Before: true}), "workers"), doctor.OK, "expected before")
}

// TestClocksThatCannotBeToldApart are not said to differ: the answer took too long
// to know.
func TestClocksThatCannotBeToldApart(t *testing.T) {
	t.Parallel()
	facts, asked := soundDatabase(), time.Now()
	facts.clock = doctor.ClockAt(asked.Add(14*time.Second), asked, asked.Add(20*time.Second), time.Second)
	judged(t, line(t, doctor.ExamineDatabase(facts, doctor.Plan{}), "clock"), doctor.OK, "agree")
	facts.clock = doctor.ClockAt(asked.Add(14*time.Second), asked, asked.Add(2*time.Second), time.Second)
	judged(t, line(t, doctor.ExamineDatabase(facts, doctor.Plan{}), "clock"), doctor.Failure, "NTP")
}

type temporalFacts struct {
	server    doctor.TemporalServer
	prepared  error
	namespace doctor.TemporalNamespace
	queues    []doctor.Queue
	schedule  doctor.Schedule
	err       error
}

func soundTemporal() *temporalFacts {
	return &temporalFacts{
		server:    doctor.TemporalServer{Version: "1.32.1", Told: true, Shards: 4, Store: "postgres12"},
		namespace: doctor.TemporalNamespace{Retention: 30 * days, EagerStart: true, Updates: true},
		queues:    []doctor.Queue{{Name: "q", Kind: "workflows", Pollers: 2, Seen: doctor.Clock{Ahead: -time.Second}}},
		schedule:  doctor.Schedule{ID: "tenant-reconcile", Every: 5 * time.Minute, Last: time.Minute},
	}
}

func (f *temporalFacts) Server(context.Context) (doctor.TemporalServer, error) {
	return f.server, f.err
}
func (f *temporalFacts) Prepared(context.Context) error { return f.prepared }
func (f *temporalFacts) Namespace(context.Context) (doctor.TemporalNamespace, error) {
	return f.namespace, nil
}
func (f *temporalFacts) Queues(context.Context) ([]doctor.Queue, error)    { return f.queues, nil }
func (f *temporalFacts) Schedule(context.Context) (doctor.Schedule, error) { return f.schedule, nil }

func TestTemporalIsJudged(t *testing.T) {
	t.Parallel()
	for _, l := range doctor.Examine(t.Context(), doctor.Within, []doctor.Subject{doctor.ExamineTemporal(soundTemporal(), 30*days, false)}) {
		judged(t, l, doctor.OK, "")
	}
	failing := map[string]bool{}
	for name, c := range map[string]struct {
		check  string
		change func(*temporalFacts)
		state  doctor.State
		says   string
	}{
		"away":             {"server", func(f *temporalFacts) { f.err = errors.New("refused") }, doctor.Failure, "TEMPORAL_ADDRESS"},
		"one shard":        {"server", func(f *temporalFacts) { f.server.Shards = 1 }, doctor.Warning, "numHistoryShards"},
		"SQLite":           {"server", func(f *temporalFacts) { f.server.Store = "sqlite" }, doctor.Warning, "PostgreSQL"},
		"an old server":    {"server", func(f *temporalFacts) { f.server.Version = "1.31.2" }, doctor.Warning, "system.enableActivityEagerExecution"},
		"not set up":       {"namespace", func(f *temporalFacts) { f.prepared = errors.New("lacks TenantId") }, doctor.Failure, "starter setup"},
		"other retention":  {"retention", func(f *temporalFacts) { f.namespace.Retention = 3 * days }, doctor.Warning, "TEMPORAL_RETENTION"},
		"removed":          {"retention", func(f *temporalFacts) { f.namespace.Removed = true }, doctor.Failure, "TEMPORAL_NAMESPACE"},
		"no updates":       {"configuration", func(f *temporalFacts) { f.namespace.Updates = false }, doctor.Warning, "frontend.enableUpdateWorkflowExecution"},
		"no eager starts":  {"configuration", func(f *temporalFacts) { f.namespace.EagerStart = false }, doctor.Warning, "system.enableEagerWorkflowStart"},
		"nobody polls":     {"workers", func(f *temporalFacts) { f.queues[0].Pollers = 0 }, doctor.Failure, "no-worker.md"},
		"no schedule":      {"schedule", func(f *temporalFacts) { f.schedule.Missing = true }, doctor.Failure, "starter setup"},
		"a paused one":     {"schedule", func(f *temporalFacts) { f.schedule.Paused, f.schedule.Note = true, "ticket 7" }, doctor.Warning, "(ticket 7)"},
		"one that is late": {"schedule", func(f *temporalFacts) { f.schedule.Last = hour }, doctor.Warning, "last ran 1h0m0s ago"},
		"a clock ahead":    {"clock", func(f *temporalFacts) { f.queues[0].Seen.Ahead = 3 * time.Second }, doctor.Warning, "NTP"},
	} {
		facts := soundTemporal()
		c.change(facts)
		l := line(t, doctor.ExamineTemporal(facts, 30*days, false), c.check)
		require.Equal(t, c.state, l.State, name)
		judged(t, l, c.state, c.says)
		failing[c.check] = failing[c.check] || c.state != doctor.OK
	}
	eachFails(t, doctor.ExamineTemporal(soundTemporal(), 30*days, false), failing)
	quiet := soundTemporal()
	quiet.queues[0].Pollers = 0
	judged(t, line(t, doctor.ExamineTemporal(quiet, 30*days, true), "workers"), doctor.OK, "expected before")
}

type redisFacts struct {
	err    error
	role   doctor.RedisRole
	memory doctor.RedisMemory
	rights doctor.RedisRights
}

func soundRedis() redisFacts {
	return redisFacts{memory: doctor.RedisMemory{Most: 256 << 20, Used: 1 << 20, Policy: "allkeys-lru"}, rights: doctor.RedisRights{User: "limits", Password: true}}
}

func (f redisFacts) Counts(context.Context) (doctor.RedisServer, error) {
	return doctor.RedisServer{}, f.err
}
func (f redisFacts) Role(context.Context) (doctor.RedisRole, error)     { return f.role, nil }
func (f redisFacts) Memory(context.Context) (doctor.RedisMemory, error) { return f.memory, nil }
func (f redisFacts) Rights(context.Context) (doctor.RedisRights, error) { return f.rights, nil }

func TestRedisIsJudged(t *testing.T) {
	t.Parallel()
	for _, l := range doctor.Examine(t.Context(), doctor.Within, []doctor.Subject{doctor.ExamineRedis(soundRedis(), true)}) {
		judged(t, l, doctor.OK, "")
	}
	failing := map[string]bool{}
	for _, c := range []struct {
		check  string
		change func(*redisFacts)
		state  doctor.State
		says   string
	}{
		{"server", func(f *redisFacts) { f.err = errors.New("connection refused") }, doctor.Failure, "REDIS_HOST"},
		{"role", func(f *redisFacts) { f.role.Replica = true }, doctor.Failure, "the primary"},
		{"memory", func(f *redisFacts) { f.memory.Most = 0 }, doctor.Warning, "set maxmemory"},
		{"memory", func(f *redisFacts) { f.memory.Used, f.memory.Policy = f.memory.Most, "noeviction" }, doctor.Failure, "it is full"},
		{"memory", func(f *redisFacts) { f.memory.Used = f.memory.Most }, doctor.OK, "it uses"},
		{"policy", func(f *redisFacts) { f.memory.Policy = "noeviction" }, doctor.Warning, "allkeys-lru"},
		{"rights", func(f *redisFacts) { f.rights.Everything = true }, doctor.Warning, "ACL SETUSER"},
		{"rights", func(f *redisFacts) { f.rights.Password = false }, doctor.Warning, "REDIS_PASSWORD"},
		{"rights", func(f *redisFacts) { f.rights.Password, f.rights.SameMachine = false, true }, doctor.OK, ""},
	} {
		facts := soundRedis()
		c.change(&facts)
		judged(t, line(t, doctor.ExamineRedis(facts, true), c.check), c.state, c.says)
		failing[c.check] = failing[c.check] || c.state != doctor.OK
	}
	eachFails(t, doctor.ExamineRedis(soundRedis(), true), failing)
}

type mailFacts struct {
	server doctor.MailServer
	sender doctor.MailSender
	clock  doctor.Clock
	err    error
}

func (f mailFacts) Server(context.Context) (doctor.MailServer, error) { return f.server, f.err }
func (f mailFacts) Sender(context.Context) (doctor.MailSender, error) { return f.sender, nil }
func (f mailFacts) Clock(context.Context) (doctor.Clock, bool, error) { return f.clock, true, nil }

func TestMailIsJudged(t *testing.T) {
	t.Parallel()
	sound := mailFacts{server: doctor.MailServer{Name: "SendGrid", LoggedIn: true, Encrypted: true}, sender: doctor.MailSender{Address: "a@b.example", Verified: "a verified sender"}}
	for _, l := range doctor.Examine(t.Context(), doctor.Within, []doctor.Subject{doctor.ExamineMail("mail", sound, "MAIL_")}) {
		judged(t, l, doctor.OK, "")
	}
	failing := map[string]bool{}
	for _, c := range []struct {
		check  string
		change func(*mailFacts)
		state  doctor.State
		says   string
	}{
		{"server", func(f *mailFacts) { f.err = errors.New("535") }, doctor.Failure, "MAIL_PASSWORD"},
		{"server", func(f *mailFacts) { f.server.Encrypted = false }, doctor.Warning, "in clear"},
		{"sender", func(f *mailFacts) { f.sender.Refusal = "not verified" }, doctor.Failure, "MAIL_FROM"},
		{"sender", func(f *mailFacts) { f.sender.Unknown = true }, doctor.OK, "cannot be asked"},
		{"clock", func(f *mailFacts) { f.clock.Ahead = -hour }, doctor.Failure, "behind"},
	} {
		facts := sound
		c.change(&facts)
		judged(t, line(t, doctor.ExamineMail("mail", facts, "MAIL_"), c.check), c.state, c.says)
		failing[c.check] = failing[c.check] || c.state != doctor.OK
	}
	eachFails(t, doctor.ExamineMail("mail", sound, "MAIL_"), failing)
}

type providerFacts struct{ err error }

func (f providerFacts) Keys(context.Context) (int, error) { return 2, f.err }

func TestAnIdentityProviderIsJudged(t *testing.T) {
	t.Parallel()
	judged(t, line(t, doctor.ExamineProvider(providerFacts{}), "keys"), doctor.OK, "2 keys")
	judged(t, line(t, doctor.ExamineProvider(providerFacts{errors.New("no such host")}), "keys"), doctor.Failure, "JWT_JWKS_URL")
}

func TestSettingsAreJudged(t *testing.T) {
	t.Parallel()
	found := func(s doctor.Settings, check string) doctor.Line {
		for _, l := range doctor.ExamineSettings(s) {
			if l.Check == check {
				return l
			}
		}
		return doctor.Line{}
	}
	now, failing := time.Now(), map[string]bool{}
	for _, check := range []string{"values", "secrets", "age"} {
		judged(t, found(doctor.Settings{Secrets: []doctor.Secret{{Name: "DB_PASSWORD", Length: 32, Guessed: true, Changed: now, Ends: now.Add(90 * days)}}}, check), doctor.OK, "")
	}
	for _, c := range []struct {
		check    string
		settings doctor.Settings
		state    doctor.State
		says     string
	}{
		{"values", doctor.Settings{Wrong: []string{"DB_PORT: it is no port"}}, doctor.Failure, "DB_PORT"},
		{"values", doctor.Settings{Weak: []string{"JWT_SECRET: it repeats itself"}}, doctor.Warning, "NODE_ENV=production"},
		{"values", doctor.Settings{Odd: []string{"REDIS_PORT is ignored"}}, doctor.Warning, "REDIS_PORT"},
		{"secrets", doctor.Settings{Secrets: []doctor.Secret{{Name: "DB_PASSWORD", Length: 8, Guessed: true}}}, doctor.Warning, "8 characters"},
		{"secrets", doctor.Settings{Secrets: []doctor.Secret{{Name: "JWT_SECRET", Length: 64, SameAs: []string{"DB_PASSWORD"}}}}, doctor.Warning, "is also DB_PASSWORD"},
		{"secrets", doctor.Settings{Readable: "/srv/.env"}, doctor.Warning, "chmod 600 /srv/.env"},
		{"age", doctor.Settings{Secrets: []doctor.Secret{{Name: "JWT_SECRET", Changed: now.Add(-400 * days)}}}, doctor.Warning, "400 days ago"},
		{"age", doctor.Settings{Secrets: []doctor.Secret{{Name: "TEMPORAL_API_KEY", Ends: now.Add(3 * days)}}}, doctor.Warning, "TEMPORAL_API_KEY ends"},
		{"age", doctor.Settings{Certificates: []doctor.Certificate{{Name: "DB_SSLCERT", Ends: now.Add(-days)}}}, doctor.Failure, "has ended"},
	} {
		judged(t, found(c.settings, c.check), c.state, c.says)
		failing[c.check] = failing[c.check] || c.state != doctor.OK
	}
	for _, l := range doctor.ExamineSettings(doctor.Settings{}) {
		require.True(t, failing[l.Check], "%s fails in no case", l.Check)
	}
}

func TestALogFolderIsJudged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, c := range []struct {
		dir   string
		state doctor.State
		says  string
	}{
		{"", doctor.OK, "not set"},
		{dir, doctor.OK, "can be written to"},
		{filepath.Join(dir, "a", "b"), doctor.OK, "can be written to"},
		{file, doctor.Failure, "is a file"},
		{filepath.Join(file, "a"), doctor.Failure, "LOG_DIR"},
		{"/proc/tenant-provisioning", doctor.Failure, "cannot be written to"}, // also by root
	} {
		l := line(t, doctor.ExamineFolder(c.dir), "folder")
		if c.state == doctor.OK && l.State == doctor.Warning {
			require.Contains(t, l.Says, "left of", "this machine has little room")
			continue
		}
		judged(t, l, c.state, c.says)
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1, "nothing is left behind")
}
