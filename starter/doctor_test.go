package main

import (
	"encoding/json"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/doctor"
	"tenant-provisioning/internal/mail/mailtest"
	"tenant-provisioning/internal/redis/redistest"
	"tenant-provisioning/internal/temporalclient/temporaltest"
	"tenant-provisioning/starter/output"
)

// examination runs the doctor and gives its lines by subject and check.
func (b *bundle) examination(args ...string) (ran, map[string]output.Checked) {
	b.t.Helper()
	r := b.run(append([]string{"doctor", "--output", "json"}, args...)...)
	var e output.Examination
	require.NoError(b.t, json.Unmarshal([]byte(r.out), &e), r.out+r.errors)
	require.Len(b.t, e.Checks, e.OK+e.Warnings+e.Failures)
	found := map[string]output.Checked{}
	for _, c := range e.Checks {
		if at := c.Subject + "/" + c.Check; found[at].State != doctor.Failure {
			found[at] = c
		}
	}
	return r, found
}

func (b *bundle) set(settings ...string) { b.environ = append(b.environ, settings...) }

// TestDoctorTellsWhatIsThereAndWhatIsNot: the exit code is for pipelines, and a
// part may be looked at alone.
func TestDoctorTellsWhatIsThereAndWhatIsNot(t *testing.T) {
	t.Parallel()
	b := setup(t)
	server := redistest.Start(t)
	_, namespace := temporaltest.New(t)
	host, port, err := net.SplitHostPort(server.Addr)
	require.NoError(t, err)
	mails := mailtest.NewServer(t)
	b.set("REDIS_HOST="+host, "REDIS_PORT="+port, "TEMPORAL_ADDRESS="+os.Getenv("TEMPORAL_ADDRESS"), "TEMPORAL_NAMESPACE="+namespace,
		"MAIL_TRANSPORT=sendgrid", "SENDGRID_BASE_URL="+mails.URL, "MAIL_PASSWORD="+mailtest.APIKey, "MAIL_FROM=no-reply@hospital.example",
		"LOG_DIR="+t.TempDir())

	r, found := b.examination("--only", "logs,mail")
	require.Equal(t, exitOK, r.code, r.out)
	require.Contains(t, found, "logs/folder")
	require.Contains(t, found["mail/server"].Says, "SendGrid")
	require.NotContains(t, found, "database/server")
	text := b.run("doctor", "--only", "logs,mail")
	require.Equal(t, exitOK, text.code)
	require.Contains(t, text.out, "mail\n  ok       server         SendGrid")

	// A warning counts when that is asked for: the login of tests may make databases.
	r, found = b.examination("--only", "database", "--before")
	require.Equal(t, exitOK, r.code, r.out)
	require.Equal(t, doctor.Warning, found["database/rights"].State)
	require.Contains(t, found["database/rights"].Says, "CREATEDB")
	require.NotEmpty(t, found["database/rights"].Mend)
	r, _ = b.examination("--only", "database", "--before", "--strict")
	require.Equal(t, exitUnfit, r.code)
	require.Contains(t, r.errors, "1 warning")
	r, found = b.examination("--only", "database", "--before", "--apis", "200")
	require.Equal(t, exitUnfit, r.code)
	require.Contains(t, found["database/connections"].Says, "200 apis")

	// Without the ledger's settings the rest is looked at.
	r, found = b.examination()
	require.Equal(t, exitUnfit, r.code)
	require.Contains(t, r.out, "SOROBAN_RPC_URL")
	require.Equal(t, doctor.Failure, found["settings/values"].State)
	require.Equal(t, doctor.OK, found["database/tables"].State)
	require.Equal(t, doctor.OK, found["redis/server"].State)
	require.Equal(t, doctor.OK, found["temporal/namespace"].State)
	require.Equal(t, doctor.Failure, found["temporal/workers"].State)
	require.NotContains(t, r.out, secret)
	require.NotContains(t, r.out, mailtest.APIKey)
}

// TestDoctorIsNotHeldUp by servers that take connections and say nothing, nor by
// settings that are wrong or do not fit together.
func TestDoctorIsNotHeldUp(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	host, port, err := net.SplitHostPort(silent.Addr().String())
	require.NoError(t, err)
	dir := t.TempDir()
	b := &bundle{t: t, dir: dir, environ: []string{
		"LOG_LEVEL=error", "DB_HOST=" + host, "DB_PORT=" + port, "DB_USERNAME=platform", "DB_PASSWORD=short", "DB_NAME=platform", "DB_SSLMODE=disable",
		"REDIS_HOST=" + host, "REDIS_PORT=" + port, "TEMPORAL_ADDRESS=" + silent.Addr().String(),
		"SOROBAN_NETWORK=local", "SOROBAN_RPC_URL=http://" + silent.Addr().String(), "SOROBAN_CONTRACT_DEPLOYER_SECRET=SBGWSG6BTNCKCOB3DIFBGCVMUPQFYPA2G4O34RMTB343OYPXU5DJDVMN",
		"JWT_SECRET=" + secret, "JWT_JWKS_URL=http://" + silent.Addr().String() + "/keys",
		"MAIL_HOST=" + host, "MAIL_PORT=" + port, "MAIL_USER=u", "MAIL_PASSWORD=short", "MAIL_FROM=no-reply@hospital.example",
		"MAIL_BACKUP_HOST=" + host, "MAIL_BACKUP_USER=alone", "APP_PORT=eighty",
	}}
	b.set("INVITATION_SECRET_FILE=" + b.file("invitation", strings.Repeat("0123456789abcdef", 3)))
	require.NoError(t, os.Chtimes(dir+"/invitation", time.Now(), time.Now().Add(-400*24*time.Hour)))
	b.file(".env", "RATE_LIMIT_BURST=5\n")
	require.NoError(t, os.Chmod(dir+"/.env", 0o644))

	r, found := b.examination()
	require.Equal(t, exitUnfit, r.code, r.errors)
	for at, says := range map[string]string{
		"settings/values": "APP_PORT", "database/server": "not looked at for that reason: tables", "redis/server": "REDIS", "temporal/server": "deadline exceeded",
		"ledger/server": "no answer in time", "mail/server": "", "mail-backup/settings": "MAIL_BACKUP_USER and MAIL_BACKUP_PASSWORD", "identity-provider/keys": "",
	} {
		require.Equal(t, doctor.Failure, found[at].State, at+": "+r.out)
		require.Contains(t, found[at].Says+found[at].Mend, says)
	}
	require.Equal(t, doctor.Warning, found["settings/secrets"].State)
	for _, says := range []string{"DB_PASSWORD has 5 characters", "DB_PASSWORD is also MAIL_PASSWORD", "can be read by everybody"} {
		require.Contains(t, found["settings/secrets"].Says, says)
	}
	require.Contains(t, found["settings/age"].Says, "INVITATION_SECRET was written 400 days ago")
	require.Contains(t, r.out, "PAYLOAD_KEYS: missing", "which production refuses")
}
