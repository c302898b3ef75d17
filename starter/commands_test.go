package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/config"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/internal/token"
	"tenant-provisioning/starter/output"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestHelp compares each command's help with what it was when somebody last
// read it.
func TestHelp(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"", "provision", "import", "list", "status", "retry", "skip", "rollback", "cancel", "reprovision", "suspend", "resume", "archive", "undelete", "invite", "purge", "restore", "backup", "backup drill", "backup rewrap", "legal-hold", "reconcile", "incidents", "incident", "incident open", "incident update", "maintenance", "token", "codec", "migrate", "migrate tenants", "setup", "doctor", "version"} {
		name := "starter"
		args := []string{"--help"}
		if command != "" {
			name, args = strings.ReplaceAll(command, " ", "-"), append(strings.Fields(command), "--help")
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := offline(t, nil, args...)
			require.Equal(t, exitOK, r.code)
			path := filepath.Join("testdata", name+".help")
			if *update {
				require.NoError(t, os.MkdirAll("testdata", 0o750))
				require.NoError(t, os.WriteFile(path, []byte(r.out), 0o600))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err, "run the test with -update and read the new file")
			require.Equal(t, string(want), r.out)
		})
	}
}

// offline runs a command that needs no server.
func offline(t *testing.T, environ []string, args ...string) ran {
	t.Helper()
	var out, errs bytes.Buffer
	a := &app{out: &out, err: &errs, now: time.Now, settings: config.Options{Environ: append([]string{"LOG_LEVEL=error"}, environ...), Dir: t.TempDir()}}
	code := a.run(t.Context(), args)
	return ran{code, out.String(), errs.String()}
}

func TestWrongCommandLines(t *testing.T) {
	t.Parallel()
	const id = "01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11"
	for args, want := range map[string]string{
		"frobnicate":                            `unknown command "frobnicate"`,
		"frobnicate --help":                     `unknown command "frobnicate"`,
		"deployment frobnicate --help":          `unknown command "frobnicate"`,
		"list --frobnicate":                     "unknown flag: --frobnicate",
		"list extra":                            "unknown command",
		"list --limit 0":                        "--limit must be 1 to 200; --all lists everything",
		"list --status gone":                    "--status must be one of PENDING, PROVISIONING",
		"list --attention --name x":             "--attention lists operations",
		"list --all --cursor x":                 "--all and --cursor exclude each other",
		"list --output yaml":                    "must be table or json",
		"status":                                "expected one argument, the id of a tenant or of an operation",
		"status 7":                              `"7" is no id`,
		"retry " + id:                           `required flag(s) "reason" not set`,
		"retry " + id + " --reason=":            "--reason must say why, in 1 to 500 characters",
		"skip x --reason y":                     `"x" is no operation's id`,
		"rollback --reason y":                   "expected one argument, the operation's id",
		"rollback " + id:                        "at least one of the flags in the group [reason dry-run] is required",
		"retry --state GONE --reason y":         "--state must be that of an open operation",
		"retry --state x " + id + " --reason=y": "--state selects operations",
		"skip --state NEEDS_ATTENTION --rate 0 --reason y": "--rate must be more than 0",
		"reprovision x":                `"x" is no tenant's id`,
		"suspend " + id:                `required flag(s) "reason" not set`,
		"suspend " + id + " --reason=": "--reason must say why, in 1 to 500 characters",
		"archive --reason y":           "expected one argument, the tenant's id",
		"resume x":                     `"x" is no tenant's id`,
		"resume --status ACTIVE":       "--status must be one that allows it: SUSPENDED",
		"archive --status active " + id + " --reason=y": "--status and --name select tenants",
		"archive --status active --reason=y --wait":     "--idempotency-key and --wait are for one tenant",
		"archive --status active --reason=y --rate 0":   "--rate must be more than 0",
		"undelete " + id + " --timeout 0s":              "--timeout must be longer than nothing",
		"invite --status SUSPENDED":                     "--status must be one that allows it: ACTIVE",
		"provision":                                     "say which tenant: --name",
		"provision --name ab":                           "--name must have 3 to 100 characters",
		"provision --name abc":                          "--admin-email must be a plain e-mail address",
		"provision --file x.csv --name abc":             "--name is for one tenant: in a file it is a column",
		"provision --name abc --again":                  "--again is for files: add --file",
		"provision --file x --concurrency 0":            "--concurrency must be 1 to 256",
		"provision --file x --timeout soon":             "invalid argument",
		"provision --file x --timeout 0s":               "--timeout must be longer than nothing",
		"provision --file x.xlsx":                       "must end in .csv or .json",
		"provision --file gone.csv":                     "no such file",
		"token":                                         `required flag(s) "role" not set`,
		"doctor --only heart":                           `--only: there is no "heart"; there are settings, logs, database`,
		"doctor --apis=-1":                              "--apis and --workers must not be negative",
		"migrate tenants --pause --resume":              "if any flags in the group",
		"migrate tenants --percent 50":                  "--percent must rise to 100",
		"migrate tenants --canary=-1":                   "--canary must be a number of tenants",
		"token --role root":                             "there is no such role; the roles are viewer, operator, admin",
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			r := offline(t, nil, strings.Split(args, " ")...)
			require.Equal(t, exitUsage, r.code, r.errors)
			require.Contains(t, r.errors, want)
			require.Contains(t, r.errors, "--help")
			require.Empty(t, r.out)

			// The flag first: what comes after a mistake is not read.
			r = offline(t, nil, append([]string{"--output=json"}, strings.Split(args, " ")...)...)
			if strings.Contains(args, "--output") {
				return
			}
			require.Equal(t, exitUsage, r.code)
			var failure output.Failure
			require.NoError(t, json.Unmarshal([]byte(r.out), &failure), r.out)
			require.Equal(t, exitUsage, failure.ExitCode)
			require.Contains(t, failure.Error, want)
		})
	}
}

// TestTokensThatCannotBe are mistakes in the command line.
func TestTokensThatCannotBe(t *testing.T) {
	t.Parallel()
	for mistake, want := range map[string]string{"--ttl=-1h": "--ttl must be longer than nothing", "--subject=a\nb": "--subject"} {
		r := offline(t, []string{"JWT_SECRET=" + secret}, "token", "--role", "viewer", mistake)
		require.Equal(t, exitUsage, r.code, r.errors)
		require.Contains(t, r.errors, want)
		require.Empty(t, r.out)
	}
}

// TestErrorsForPrograms: whoever reads JSON gets some, whatever happens.
func TestErrorsForPrograms(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, args := range []string{
		"status 01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11", "list --cursor x",
		"retry 01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11 --reason x", "rollback 01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11 --dry-run",
		"reprovision 01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11 --reason x", "reconcile --repair F-000099 --yes",
	} {
		r := b.run(append(strings.Split(args, " "), "-o", "json")...)
		require.Equal(t, exitFailed, r.code, args)
		var failure output.Failure
		require.NoError(t, json.Unmarshal([]byte(r.out), &failure), "%s: %s", args, r.out)
		require.NotEmpty(t, failure.Error)
		require.Equal(t, exitFailed, failure.ExitCode)
		require.Contains(t, r.errors, failure.Error)
		require.Contains(t, r.errors, failure.Next)
	}
	require.Contains(t, b.run("reconcile", "--repair", "F-000099").errors, "starter reconcile", "a list of tenants would not help")
}

func TestMissingSettingsAreNamed(t *testing.T) {
	t.Parallel()
	r := offline(t, nil, "list")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.errors, "DB_USERNAME")
	require.Contains(t, r.errors, "DB_NAME")
	require.Contains(t, r.errors, ". .devstack/env")

	r = offline(t, nil, "token", "--role", "viewer")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.errors, "JWT_SECRET")
	require.NotContains(t, r.errors, "DB_", "a token needs nothing else")

	r = offline(t, []string{"JWT_JWKS_URL=https://id.example/keys"}, "token", "--role", "viewer")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.errors, "get a token from the identity provider")
}

func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	environ := []string{"DB_HOST=127.0.0.1", "DB_PORT=9", "DB_USERNAME=u", "DB_NAME=n"}
	r := offline(t, environ, "list")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.errors, "Check that PostgreSQL and Temporal run and that DB_HOST, DB_PORT")
	require.Empty(t, r.out)

	r = offline(t, environ, "migrate", "--wait", "1s")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.errors, "waiting up to 1s for PostgreSQL")
	require.Contains(t, r.errors, "PostgreSQL was not ready within 1s")
}

// TestTokenIsAccepted holds the token that is printed against the api's own
// verifier.
func TestTokenIsAccepted(t *testing.T) {
	t.Parallel()
	for _, role := range token.Roles() {
		environ := []string{"JWT_SECRET=" + secret, "JWT_ISSUER=us", "JWT_AUDIENCE=them"}
		r := offline(t, environ, "token", "--role", string(role), "--subject", "ada", "--ttl", "1h")
		require.Equal(t, exitOK, r.code, r.errors)
		require.Empty(t, r.errors)
		require.Equal(t, 1, strings.Count(r.out, "\n"), "the token and nothing else")
		verifier, err := token.NewVerifier(t.Context(), token.Config{
			Secret: secret, Issuer: "us", Audience: "them", Logger: slog.New(slog.DiscardHandler),
		})
		require.NoError(t, err)
		bearer, err := verifier.Verify(t.Context(), strings.TrimSpace(r.out))
		require.NoError(t, err)
		require.Equal(t, "ada", bearer.Subject)
		require.Equal(t, role, bearer.Role)
	}
	r := offline(t, []string{"JWT_SECRET=" + secret, "JWT_EXPIRATION=2h"}, "token", "--role", "viewer", "-o", "json")
	var doc output.Token
	require.NoError(t, json.Unmarshal([]byte(r.out), &doc))
	require.NotEmpty(t, doc.Subject)
	require.WithinDuration(t, time.Now().Add(2*time.Hour), doc.ExpiresAt, time.Minute)
}

func TestVersionIsOneDocument(t *testing.T) {
	t.Parallel()
	var doc output.Version
	r := offline(t, nil, "version", "-o", "json")
	require.NoError(t, json.Unmarshal([]byte(r.out), &doc))
	require.True(t, strings.HasPrefix(doc.Go, "go1."))
	require.NotEmpty(t, doc.Version)
	require.Equal(t, r, offline(t, nil, "--version", "-o", "json"), "the flag that other programs have")
}

var oneTenant = []string{
	"provision", "--name", "St. Mary's Hospital", "--admin-email", "ada@stmary.example",
	"--admin-first-name", "Ada", "--admin-last-name", "Lovelace",
}

func TestProvisionOne(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var first, repeated output.Accepted
	b.good(&first, append(oneTenant, "--idempotency-key", "k", "--region", "eu-west")...)
	require.Equal(t, tenant.StatusPending, first.Tenant.Status)
	require.Equal(t, "eu-west", first.Tenant.Region)
	b.good(&repeated, append(oneTenant, "--idempotency-key", "k", "--region", "eu-west")...)
	require.Equal(t, first, repeated)
	require.Equal(t, 1, b.count("tenants"))
	require.Equal(t, 1, b.count("audit_log WHERE action = 'create' AND actor_claimed"), "nobody has checked who types")

	r := b.run(oneTenant...)
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.errors, "the name is taken by another tenant\nA living tenant holds it; see which with: starter list --name NAME")
	r = b.run(append(oneTenant, "--idempotency-key", "k", "--region", "eu-north")...)
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.errors, "Use another --idempotency-key")

	b.work(activate, "%")
	var done output.Accepted
	b.good(&done, append(oneTenant, "--idempotency-key", "k", "--region", "eu-west", "--wait")...)
	require.Equal(t, tenant.StatusActive, done.Tenant.Status)
	require.Equal(t, tenant.StateSucceeded, done.Operation.State)
	require.NotEmpty(t, done.Tenant.ContractID)
	require.Positive(t, done.Seconds)
}

func TestProvisionOneThatIsNotFinishedInTime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.run(append(oneTenant, "--wait", "--timeout", "1s")...)
	require.Equal(t, exitAttention, r.code)
	require.Contains(t, r.errors, "the tenant is still PENDING")
	require.Contains(t, r.out, "It goes on by itself")
}

func TestProvisionOneThatParks(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.work(park, "%")
	r := b.run(append(oneTenant, "--wait")...)
	require.Equal(t, exitAttention, r.code)
	require.Contains(t, r.errors, "the operation is NEEDS_ATTENTION")
	require.Contains(t, r.out, `starter retry `)
	require.Contains(t, r.out, `curl -X PATCH`)
}

func TestListPages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.Equal(t, exitOK, b.run("provision", "--wait=false", "--file", b.file("t.csv", csvHeader+hospitals(1, 7))).code)
	b.exec(activate, "Hospital 03")
	var page, next, all, found output.Tenants
	b.good(&page, "list", "--limit", "3")
	require.Len(t, page.Items, 3)
	require.NotEmpty(t, page.NextCursor)
	b.good(&next, "list", "--limit", "5", "--cursor", page.NextCursor)
	require.Len(t, next.Items, 4)
	require.Empty(t, next.NextCursor)
	b.good(&all, "list", "--all", "--limit", "2")
	require.Equal(t, append(page.Items, next.Items...), all.Items)
	require.Empty(t, all.NextCursor)
	b.good(&found, "list", "--status", "active", "--name", "HOSPITAL")
	require.Len(t, found.Items, 1)
	require.Equal(t, "Hospital 03", found.Items[0].Name)
	var none output.Tenants
	b.good(&none, "list", "--name", "100%")
	require.Equal(t, []output.Listed{}, none.Items, "a list, not null")

	r := b.run("list", "--cursor", "x")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.errors, "Take the cursor from the end of the page before")
}

func TestAttentionAndStatus(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.Equal(t, "nothing needs attention\n", b.run("list", "--attention").out)
	require.Equal(t, exitOK, b.run("provision", "--wait=false", "--file", b.file("t.csv", csvHeader+hospitals(1, 3))).code)
	b.exec(park, "Hospital 02")
	var list output.Attention
	b.good(&list, "list", "--attention")
	require.Len(t, list.Items, 1)
	require.Equal(t, "Hospital 02", list.Items[0].Tenant.Name)
	require.Equal(t, []tenant.Action{tenant.ActionRetry, tenant.ActionSkip}, list.Items[0].Operation.AllowedActions)

	for _, id := range []string{string(list.Items[0].Tenant.ID), string(list.Items[0].Operation.ID)} {
		r := b.run("status", id, "-o", "json")
		require.Equal(t, exitAttention, r.code, r.errors)
		var s output.Status
		require.NoError(t, json.Unmarshal([]byte(r.out), &s))
		require.Equal(t, list.Items[0].Operation.ID, s.Operation.ID)
		require.Len(t, s.Steps, len(tenant.KindProvision.Steps()))
		require.Equal(t, tenant.StepCompleted, s.Steps[0].Status)
		require.Len(t, s.Commands, 3)
	}
	r := b.run("status", "01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.errors, "See what there is with: starter list")
}

// TestStatusSaysWhatItWaitsFor: an incident holds up what is not started yet,
// and what runs only where its next step needs the dependency.
func TestStatusSaysWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var p output.Accepted
	b.good(&p, oneTenant...)
	status := func() (s output.Status) {
		b.good(&s, "status", string(p.Tenant.ID))
		return s
	}
	b.exec(`INSERT INTO incidents (dependency, cause, affected, closed_at) VALUES ('ledger', 'over', 10, now())`)
	require.Nil(t, status().Operation.WaitingFor)
	b.exec(`INSERT INTO incidents (dependency, cause, affected) VALUES ('mail', 'it refuses', 10)`)
	require.Equal(t, tenant.DependencyMail, status().Operation.WaitingFor.Dependency)
	require.Contains(t, b.run("status", string(p.Tenant.ID)).out, "It waits for incident 2 of the mail, since ")

	b.exec(`UPDATE operations SET state = 'RUNNING'`)
	require.Nil(t, status().Operation.WaitingFor, "its next step needs no mail")
	b.exec(`INSERT INTO provisioning_logs (tenant_id, operation_id, step, status, attempt)
		SELECT tenant_id, id, unnest($1::text[]), 'COMPLETED', 1 FROM operations`, tenant.KindProvision.Steps()[:7])
	require.Equal(t, tenant.DependencyMail, status().Operation.WaitingFor.Dependency)
	var list output.Tenants
	b.good(&list, "list")
	require.Equal(t, status().Operation.WaitingFor, list.Items[0].WaitingFor)
	require.Contains(t, b.run("list").out, "incident 2 of the mail since ")
	require.Contains(t, b.run("list", "--attention").out, "nobody need act on it")
	var incidents output.Incidents
	b.good(&incidents, "incidents")
	require.Equal(t, "docs/runbooks/email-down.md", incidents.Items[0].Runbook)
	require.Equal(t, tenant.DependencyMail, incidents.Items[0].Dependency)
	require.Regexp(t, `runbook +docs/runbooks/stellar-down\.md`, b.run("incidents").out)
	b.exec(`UPDATE incidents SET reopened = $1`, tenant.IncidentRelapses+1)
	require.Nil(t, status().Operation.WaitingFor, "it is not waited for any more")
}

func TestActionsAreAudited(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var p output.Accepted
	b.good(&p, oneTenant...)
	id := string(p.Operation.ID)

	r := b.run("retry", id, "--reason", "INC-1", "--actor", "ada")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.errors, "retry is refused: the operation is PENDING, which allows: rollback")
	require.Contains(t, r.errors, "starter status")
	require.Equal(t, 1, b.count(`audit_log WHERE action = 'retry' AND outcome = 'refused' AND actor = 'ada' AND actor_claimed AND reason = 'INC-1'`))

	r = b.run("rollback", string(p.Tenant.ID), "--reason", "wrong id")
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.errors, "is a tenant. Its latest operation is "+id+":\n  starter rollback "+id+" --reason TEXT")
	r = b.run("rollback", string(p.Tenant.ID), "--dry-run")
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.errors, "is a tenant. Its latest operation is "+id+":\n  starter rollback "+id+" --dry-run")
	r = b.run("reprovision", id)
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.errors, "is an operation. Its tenant is "+string(p.Tenant.ID)+":\n  starter reprovision "+string(p.Tenant.ID))

	var acted output.Acted
	b.good(&acted, "rollback", id, "--reason", "INC-2", "--actor", "ada", "--request-id", "r1")
	require.Equal(t, tenant.StateRolledBack, acted.Operation.State)
	require.Equal(t, 1, b.count(`audit_log WHERE action = 'rollback' AND outcome = 'accepted' AND request_id = 'r1'`))
	b.good(&acted, "rollback", id, "--reason", "INC-2", "--actor", "ada", "--request-id", "r1")
	require.Equal(t, 1, b.count(`audit_log WHERE action = 'rollback'`), "the same request acts once")

	require.Equal(t, exitAttention, b.run("status", id).code, "the tenant is FAILED")
	r = b.run("skip", "01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11", "--reason", "x")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.errors, "find operation")
}

func TestMigrateTwice(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(`DROP SCHEMA public CASCADE`)
	b.exec(`CREATE SCHEMA public`)
	var first, second output.Migration
	b.good(&first, "migrate")
	require.Zero(t, first.From)
	require.Positive(t, first.To)
	b.good(&second, "migrate")
	require.Equal(t, output.Migration{From: first.To, To: first.To}, second)
	require.Zero(t, b.count("tenants"))
}

// TestMigrateTellsOfNamesThatLookTheSame from the time before such names were
// refused. It keeps both.
func TestMigrateTellsOfNamesThatLookTheSame(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.Equal(t, exitOK, b.run("provision", "--wait=false", "--file", b.file("tenants.csv", csvHeader+"Saint Mary,a@b.example,A,L\nAnother,a@b.example,A,L\n")).code)
	b.exec(`UPDATE tenants SET name = 'Saint  Mary', name_key = 'saint  mary' WHERE name = 'Another'`)
	r := b.run("migrate")
	require.Equal(t, exitOK, r.code)
	require.Regexp(t, `the name "Saint  Mary" of tenant \S+ looks like "Saint Mary" of tenant \S+; both stay`, r.out)
	require.Equal(t, 2, b.count(`tenants WHERE name ILIKE 'saint%mary'`))
	r = b.run("provision", "--name", "saint\u00a0mary", "--admin-email", "a@b.example", "--admin-first-name", "A", "--admin-last-name", "L")
	require.Contains(t, r.errors, "the name is taken")
	require.Equal(t, exitUsage, b.run("list", "--name", "\u200b").code)
}

func TestDatabaseThatIsNotMigrated(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(`DROP SCHEMA public CASCADE`)
	b.exec(`CREATE SCHEMA public`)
	for _, args := range [][]string{{"list"}, oneTenant} {
		r := b.run(args...)
		require.Equal(t, exitFailed, r.code)
		require.Contains(t, r.errors, "starter migrate")
	}
}

// TestDatabaseThatIsBehind is one of an older version, after an upgrade.
func TestDatabaseThatIsBehind(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(`DELETE FROM goose_db_version WHERE version_id = (SELECT max(version_id) FROM goose_db_version)`)
	r := b.run("list")
	require.Equal(t, exitFailed, r.code)
	require.Regexp(t, `at version \d+ and this build needs \d+; run: starter migrate`, r.errors)
}

// TestCodecRefuses what nobody could decrypt with, or anybody could.
func TestCodecRefuses(t *testing.T) {
	t.Parallel()
	keys := []string{"PAYLOAD_KEYS=k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}
	for name, c := range map[string]struct {
		environ []string
		args    []string
		code    int
		says    string
	}{
		"nothing is encrypted": {nil, nil, exitFailed, "PAYLOAD_KEYS is not set"},
		"everybody may ask":    {keys, []string{"--listen", "0.0.0.0:0"}, exitUsage, "an address of the loopback"},
		"no port":              {keys, []string{"--listen", "localhost"}, exitUsage, "an address of the loopback"},
		"no Web UI":            {keys, []string{"--ui", "temporal"}, exitUsage, "expected an address like"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := offline(t, c.environ, append([]string{"codec"}, c.args...)...)
			require.Equal(t, c.code, r.code, r.errors)
			require.Contains(t, r.errors, c.says)
		})
	}
}
