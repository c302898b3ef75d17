package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/starter/batch"
)

const csvHeader = "name,adminEmail,adminFirstName,adminLastName\n"

func hospitals(from, to int) string {
	var b strings.Builder
	for i := from; i <= to; i++ {
		fmt.Fprintf(&b, "Hospital %02d,admin%d@hospital.example,Ada,Lovelace\n", i, i)
	}
	return b.String()
}

// results reads a result file as rows by name of the column.
func results(t *testing.T, path string) []map[string]string {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	rows := make([]map[string]string, len(lines)-1)
	for i, line := range lines[1:] {
		rows[i] = map[string]string{}
		for j, column := range lines[0] {
			rows[i][column] = line[j]
		}
	}
	return rows
}

func TestFileRunTwiceCreatesOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := b.file("tenants.csv", csvHeader+hospitals(1, 25))
	b.work(activate, "%")

	first := b.run("provision", "--file", path)
	require.Equal(t, exitOK, first.code, first.errors)
	require.Contains(t, first.errors, "[25/25] ACTIVE  Hospital")
	require.Contains(t, first.out, "25 tenants: 25 ACTIVE")
	before := results(t, b.dir+"/tenants.result.csv")
	require.Len(t, before, 25)
	for i, row := range before {
		require.Equal(t, fmt.Sprint(i+1), row["row"])
		require.Equal(t, "ACTIVE", row["state"])
		require.NotEmpty(t, row["tenantId"])
		require.True(t, strings.HasPrefix(row["schemaName"], "t_hospital_"), row["schemaName"])
		require.NotEmpty(t, row["contractId"])
		require.Empty(t, row["error"])
	}

	require.NoError(t, os.Remove(b.dir+"/tenants.result.csv"))
	second := b.run("provision", "--file", path)
	require.Equal(t, exitOK, second.code, second.errors)
	require.Equal(t, before, results(t, b.dir+"/tenants.result.csv"))
	require.Equal(t, 25, b.count("tenants"))

	// A colleague on another machine, with a file that has grown: only what is
	// new is created.
	grown := b.file("grown.csv", csvHeader+hospitals(20, 27))
	require.Equal(t, exitOK, b.run("provision", "--file", grown, "--actor", "grace").code)
	require.Equal(t, 27, b.count("tenants"))
}

func TestInterruptedFileGoesOn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := b.file("tenants.json", jsonHospitals(t, 12))
	b.work(activate, "Hospital 01")

	ctx, interrupt := context.WithCancel(t.Context())
	ended := make(chan ran)
	go func() {
		ended <- b.runUntil(ctx, "provision", "--file", path, "--concurrency", "4", "--output", "json")
	}()
	// One row is done, four are in flight: the others have not begun.
	require.Eventually(t, func() bool {
		return b.count(`tenants WHERE status = 'ACTIVE'`) == 1 && b.count("tenants") == 5
	}, 2*time.Minute, 20*time.Millisecond)
	interrupt()
	r := <-ended
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.errors, "interrupted; what was accepted goes on by itself; to go on with the rest, run the same command again")
	var report batch.Report
	require.NoError(t, json.Unmarshal([]byte(r.out), &report))
	require.True(t, report.Interrupted)
	require.Equal(t, map[batch.State]int{"ACTIVE": 1, "PENDING": 4, "NOT_STARTED": 7}, report.Counts)

	b.work(activate, "%")
	var again batch.Report
	b.good(&again, "provision", "--file", path)
	require.Equal(t, map[batch.State]int{"ACTIVE": 12}, again.Counts)
	require.Equal(t, 12, b.count("tenants"), "no row was created twice")
	for i, row := range report.Rows {
		if row.TenantID != "" {
			require.Equal(t, row.TenantID, again.Rows[i].TenantID)
		}
	}
	saved, err := os.ReadFile(b.dir + "/tenants.result.json")
	require.NoError(t, err)
	var rows []batch.Outcome
	require.NoError(t, json.Unmarshal(saved, &rows))
	require.Equal(t, again.Rows, rows)
}

// TestAResultFileThatCannotBeWritten is noticed before anything is created.
func TestAResultFileThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := b.file("tenants.json", jsonHospitals(t, 2))
	require.NoError(t, os.Mkdir(b.dir+"/tenants.result.json", 0o700))
	r := b.run("provision", "--wait=false", "--file", path)
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.errors, "so nothing was created")
	require.Zero(t, b.count("tenants"))
}

func jsonHospitals(t *testing.T, n int) string {
	t.Helper()
	var rows []map[string]string
	for i := range n {
		rows = append(rows, map[string]string{
			"name": fmt.Sprintf("Hospital %02d", i+1), "adminEmail": "a@hospital.example", "adminFirstName": "Ada", "adminLastName": "L",
			"key": fmt.Sprintf("clé-%d", i),
		})
	}
	text, err := json.Marshal(rows)
	require.NoError(t, err)
	return string(text)
}

func TestWhatIsNotActiveIsReported(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.Equal(t, exitOK, b.run("provision", "--name", "taken", "--admin-email", "a@b.example", "--admin-first-name", "A", "--admin-last-name", "L").code)
	path := b.file("tenants.csv", csvHeader+"Taken,a@b.example,A,L\nFails,a@b.example,A,L\nParks,a@b.example,A,L\nWorks,a@b.example,A,L\n")
	b.work(rollBack, "Fails")
	b.work(park, "Parks")
	b.work(activate, "Works")
	r := b.run("provision", "--file", path)
	require.Equal(t, exitAttention, r.code, r.errors)
	require.Contains(t, r.errors, "3 of 4 tenants have to be looked at")
	rows := results(t, b.dir+"/tenants.result.csv")
	require.Equal(t, "REFUSED", rows[0]["state"])
	require.Contains(t, rows[0]["error"], "the name is held by another tenant")
	require.Empty(t, rows[0]["tenantId"])
	require.Equal(t, "FAILED", rows[1]["state"])
	require.Equal(t, "DEPLOY_SOROBAN_CONTRACT: the network refuses the contract", rows[1]["error"])
	require.Equal(t, "NEEDS_ATTENTION", rows[2]["state"])
	require.Equal(t, "ACTIVE", rows[3]["state"])
}

func TestAgainProvisionsAnewWhatWasRolledBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := b.file("tenants.csv", csvHeader+"Fails,a@b.example,A,L\nWorks,a@b.example,A,L\n")
	b.work(activate, "Works")
	stop := b.work(rollBack, "Fails")
	require.Equal(t, exitAttention, b.run("provision", "--file", path).code)
	require.Equal(t, exitAttention, b.run("provision", "--file", path).code, "without --again nothing is tried anew")
	require.Equal(t, 2, b.count("tenants"))
	require.Equal(t, exitAttention, b.run("provision", "--file", path, "--again").code, "it fails again")
	require.Equal(t, 3, b.count("tenants"))
	stop()
	b.work(activate, "Fails")
	require.Equal(t, exitOK, b.run("provision", "--file", path, "--again").code)
	require.Equal(t, 4, b.count("tenants"))
	require.Equal(t, exitOK, b.run("provision", "--file", path, "--again").code)
	require.Equal(t, 4, b.count("tenants"), "what is active is left alone")
}

// TestAgainTriesOnceARun has the rollback be faster than the answer to the
// request.
func TestAgainTriesOnceARun(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(`CREATE FUNCTION fail_at_once() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN NEW.state := 'ROLLED_BACK'; UPDATE tenants SET status = 'FAILED', name_held = false WHERE id = NEW.tenant_id; RETURN NEW; END $$`)
	b.exec(`CREATE TRIGGER fail_at_once BEFORE INSERT ON operations FOR EACH ROW EXECUTE FUNCTION fail_at_once()`)
	path := b.file("tenants.csv", csvHeader+"Fails,a@b.example,A,L\n")
	for run := range 3 {
		require.Equal(t, exitAttention, b.run("provision", "--file", path, "--again").code)
		require.Equal(t, run+1, b.count("tenants"))
	}
}

func TestChangedRowUnderTheSameKeyIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.work(activate, "%")
	const header = "key," + csvHeader
	require.Equal(t, exitOK, b.run("provision", "--file", b.file("tenants.csv", header+"k1,One,a@b.example,A,L\n")).code)
	r := b.run("provision", "--file", b.file("tenants.csv", header+"k1,One,other@b.example,A,L\n"))
	require.Equal(t, exitAttention, r.code)
	require.Contains(t, r.out, "the row's key was used before for other values")
	require.Equal(t, 1, b.count("tenants"))
}

func TestWrongFileCreatesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := b.file("tenants.csv", csvHeader+"Good,a@b.example,A,L\nab,Bob <a@b.example>,A,L\n")
	r := b.run("provision", "--file", path)
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.errors, path+": 2 things to correct; nothing was created:")
	require.Contains(t, r.errors, path+":3: name must have 3 to 100 characters")
	require.Contains(t, r.errors, path+":3: adminEmail must be a plain e-mail address")
	require.Empty(t, r.out)
	require.Zero(t, b.count("tenants"))
	require.NoFileExists(t, b.dir+"/tenants.result.csv")
}

func TestHandingInDoesNotWait(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var report batch.Report
	b.good(&report, "provision", "--file", b.file("tenants.csv", csvHeader+hospitals(1, 40)), "--wait=false")
	require.Equal(t, map[batch.State]int{"PENDING": 40}, report.Counts)
	require.Equal(t, 40, b.count(`operations WHERE state = 'PENDING' AND client = 'starter'`))
}

func TestHostileNamesArriveUnchanged(t *testing.T) {
	t.Parallel()
	b := setup(t)
	names := []string{`"; DROP TABLE tenants; --`, `=HYPERLINK("http://evil.example")`, "مستشفى السلام", "🏥🏥🏥", "Robert'); SELECT 1", "NULL", "a,b;c"}
	rows := make([]map[string]string, len(names))
	for i, name := range names {
		rows[i] = map[string]string{"name": name, "adminEmail": "a@b.example", "adminFirstName": "A", "adminLastName": "L"}
	}
	text, err := json.Marshal(rows)
	require.NoError(t, err)
	require.Equal(t, exitOK, b.run("provision", "--wait=false", "--file", b.file("tenants.json", string(text))).code)
	require.Equal(t, len(names), b.count(`tenants WHERE name = ANY($1)`, names))
}

// TestBarOnATerminal draws the bar instead of lines, and the rows that somebody
// has to look at above it.
func TestBarOnATerminal(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.work(activate, "Works%")
	b.work(rollBack, "Fails")
	path := b.file("tenants.csv", csvHeader+"Works 1,a@b.example,A,L\nFails,a@b.example,A,L\nWorks 2,a@b.example,A,L\n")
	b.terminal = true
	r := b.run("provision", "--file", path)
	require.Equal(t, exitAttention, r.code)
	require.Contains(t, r.errors, "2 ACTIVE, 1 to look at")
	require.Contains(t, r.errors, "(3/3")
	require.Contains(t, r.errors, "FAILED  Fails")
	require.NotContains(t, r.errors, "ACTIVE  Works")
}

// TestInterruptedInTheMiddleOfARequest holds the database in the middle of
// accepting a row: the interruption lets it finish, so that the result file
// knows what was created.
func TestInterruptedInTheMiddleOfARequest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := b.file("tenants.csv", csvHeader+hospitals(1, 3))
	held, err := b.pool.Begin(t.Context())
	require.NoError(t, err)
	defer held.Rollback(context.WithoutCancel(t.Context())) //nolint:errcheck // it is over in the good case
	_, err = held.Exec(t.Context(), `LOCK TABLE operations IN EXCLUSIVE MODE`)
	require.NoError(t, err)

	ctx, interrupt := context.WithCancel(t.Context())
	ended := make(chan ran)
	go func() { ended <- b.runUntil(ctx, "provision", "--file", path, "--concurrency", "1") }()
	require.Eventually(t, func() bool {
		return b.count(`pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) == 1
	}, 2*time.Minute, 20*time.Millisecond)
	interrupt()
	require.NoError(t, held.Rollback(t.Context()))
	require.Equal(t, exitFailed, (<-ended).code)
	rows := results(t, b.dir+"/tenants.result.csv")
	require.Equal(t, "PENDING", rows[0]["state"])
	require.NotEmpty(t, rows[0]["operationId"])
	require.Equal(t, "NOT_STARTED", rows[1]["state"])
	require.Equal(t, 1, b.count("tenants"))
}

// TestResultsElsewhere: beside the file there may be no room to write.
func TestResultsElsewhere(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := b.file("tenants.csv", "sep=;\r\nname;adminEmail;adminFirstName;adminLastName;tier;\r\nOne;a@b.example;A;L\r\nTwo;a@b.example;A;L;;\r\n;;;;;\r\n")
	elsewhere := filepath.Join(t.TempDir(), "what became.csv")
	for range 2 { // run again, it goes on where it was
		require.Equal(t, exitOK, b.run("provision", "--wait=false", "--file", path, "--results", elsewhere).code)
		rows := results(t, elsewhere)
		require.Len(t, rows, 2)
		require.Equal(t, "PENDING", rows[1]["state"])
		require.Equal(t, 2, b.count("tenants"))
	}
	require.NoFileExists(t, b.dir+"/tenants.result.csv")

	r := b.run("provision", "--wait=false", "--file", path, "--results", path)
	require.NotEqual(t, exitOK, r.code)
	require.Contains(t, r.errors, "is the tenants' file itself")
	require.Equal(t, exitUsage, b.run("provision", "--file", path, "--results", "-").code)
	require.Equal(t, exitUsage, b.run("provision", "--name", "One", "--results", elsewhere).code)
	r = b.run("provision", "--wait=false", "--file", path, "--results", filepath.Join(t.TempDir(), "gone", "r.csv"))
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.errors, "nothing was created; put it elsewhere with --results")
	require.Equal(t, 2, b.count("tenants"))
}

// TestFromStandardInput is a file that has no place, and that is gone on with
// as well.
func TestFromStandardInput(t *testing.T) {
	t.Parallel()
	b := setup(t)
	text := csvHeader + "One,a@b.example,A,L\nTwo,a@b.example,A,L\n"
	path := filepath.Join(t.TempDir(), "results.json")
	r := b.typing(text, "provision", "--wait=false", "--file", "-", "--results", path)
	require.Equal(t, exitOK, r.code, r.errors)
	written, err := os.ReadFile(path)
	require.NoError(t, err)
	var rows []batch.Outcome
	require.NoError(t, json.Unmarshal(written, &rows), "in the format that its name says")
	require.Len(t, rows, 2)

	r = b.typing(text, "provision", "--wait=false", "--file", "-")
	require.Equal(t, exitOK, r.code, r.errors)
	require.Contains(t, r.out, "add --results PATH or --output json")
	require.Equal(t, 2, b.count("tenants"))

	r = b.typing(csvHeader+"ab,a@b.example,A,L\n", "provision", "--file", "-")
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.errors, "standard input:2: name must have 3 to 100 characters")
	require.Equal(t, exitUsage, b.run("provision", "--file", "-").code, "there is none")
}
