package e2e

import (
	"bytes"
	"io"
	"mime/quotedprintable"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/mail/mailtest"
)

// withBackup gives the installation a second mail provider.
func (i *installation) withBackup() *mailbox {
	i.t.Helper()
	backup := newMailbox(i.t)
	i.env["MAIL_BACKUP_TRANSPORT"], i.env["MAIL_BACKUP_HOST"], i.env["MAIL_BACKUP_PORT"] = "smtp", host, strconv.Itoa(backup.port)
	return backup
}

// TestTheBackupSendsTheMail without a failure, and so without an incident.
func TestTheBackupSendsTheMail(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	backup := i.withBackup()
	o := outages["mail refuses connections"](i)
	o.away()
	i.start()
	i.requireTenant(i.reaches(i.create("Charité").ID, "SUCCEEDED"))
	require.Len(t, backup.links(), 1)
	require.Empty(t, i.mail.Messages())
	require.Zero(t, value[int](i, `SELECT count(*) FROM provisioning_logs WHERE status = 'FAILED'`))
}

// inDoubt has the first provider's answer lost. It has taken the mail or not.
func (i *installation) inDoubt(g *gate, taken bool) operation {
	i.t.Helper()
	held := mailHeld(!taken)(i)
	i.start()
	o := i.create("Charité")
	held.await()
	g.cut()
	held.release()
	return o
}

const emailState = `SELECT string_agg(state, ' ') FROM emails`

// TestTheBackupDoesNotRepeatTheMail that the first provider has taken, and cannot
// be asked about: it waits until it can.
func TestTheBackupDoesNotRepeatTheMail(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	direct := i.with(nil)
	backup := i.withBackup()
	g := i.throughMailGate()
	o := i.inDoubt(g, true)
	eventually(t, "it is asked in vain", func() bool {
		return value[int](i, `SELECT count(*) FROM provisioning_logs WHERE step = 'SEND_WELCOME_EMAIL' AND status = 'FAILED'`) >= 4
	})
	require.Empty(t, backup.links())
	require.Equal(t, "UNKNOWN", value[string](i, emailState))
	g.open()
	direct.becomesActive(o)
	require.Empty(t, backup.links())
	require.Equal(t, "sendgrid", value[string](i, `SELECT provider FROM emails`))
}

// TestTheBackupSendsWhatTheFirstDenies, once it must know the mail if it had it.
func TestTheBackupSendsWhatTheFirstDenies(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	backup := i.withBackup()
	g := i.throughMailGate()
	o := i.inDoubt(g, false)
	i.mail.Fail(mailtest.Fault{Status: http.StatusServiceUnavailable})
	g.open()
	eventually(t, "it is in doubt", func() bool { return value[string](i, emailState) == "UNKNOWN" })
	require.Empty(t, backup.links())
	i.execute(`UPDATE emails SET left_at = left_at - interval '1 minute'`)
	i.requireTenant(i.reaches(o.ID, "SUCCEEDED"))
	require.Len(t, backup.links(), 1)
	require.Empty(t, i.mail.Messages())
	require.Equal(t, "smtp", value[string](i, `SELECT provider FROM emails`))
}

// TestTheBackupRepeatsWhatTheFirstCannotTell, ever: the second copy has the same
// link.
func TestTheBackupRepeatsWhatTheFirstCannotTell(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	backup := i.withBackup()
	g := i.throughMailGate()
	i.mail.DenyActivity()
	o := i.inDoubt(g, true)
	i.mail.Fail(mailtest.Fault{Status: http.StatusServiceUnavailable})
	g.open()
	tenant := i.requireTenant(i.reaches(o.ID, "SUCCEEDED"))
	sent := i.mails(tenant.AdminEmail)
	require.Len(t, sent, 1)
	require.Equal(t, []string{invitationLink.FindString(sent[0].Text)}, backup.links())
}

// TestASlowMailProviderSendsOneMail: it has the mail, is a while about answering,
// and cannot be asked. Nobody gives up on it before it does itself.
func TestASlowMailProviderSendsOneMail(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.mail.DenyActivity()
	held := mailHeld(false)(i)
	i.start()
	o := i.create("Charité")
	held.await()
	eventually(t, "it took a while", func() bool {
		return value[bool](i, `SELECT left_at < now() - interval '6 seconds' FROM emails`)
	})
	held.release()
	i.becomesActive(o)
	require.Zero(t, value[int](i, `SELECT count(*) FROM provisioning_logs WHERE status = 'FAILED'`))
}

// throughMailGate leads to the first provider through a gate.
func (i *installation) throughMailGate() *gate {
	i.t.Helper()
	g := newGate(i.t, i.mail.URL[len("http://"):])
	i.env["SENDGRID_BASE_URL"] = "http://" + g.address()
	return g
}

// mailbox is a mail server in the same house: neither TLS nor login.
type mailbox struct {
	t    testing.TB
	port int

	mu    sync.Mutex
	taken [][]byte
}

func newMailbox(t testing.TB) *mailbox {
	t.Helper()
	m := &mailbox{t: t}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return m, nil }))
	server.Domain = "mx.example.org"
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", host+":0")
	require.NoError(t, err)
	m.port = listener.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // it is TCP's
	go func() { _ = server.Serve(listener) }()   // ends with Close
	t.Cleanup(func() { _ = server.Close() })
	return m
}

func (m *mailbox) Reset()                               {}
func (m *mailbox) Logout() error                        { return nil }
func (m *mailbox) Mail(string, *smtp.MailOptions) error { return nil }
func (m *mailbox) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (m *mailbox) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.taken = append(m.taken, raw)
	return nil
}

// links are those of the mails that it has taken, in order.
func (m *mailbox) links() []string {
	m.t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	var links []string
	for _, raw := range m.taken {
		text, err := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(raw)))
		require.NoError(m.t, err)
		links = append(links, string(invitationLink.Find(text)))
	}
	return links
}
