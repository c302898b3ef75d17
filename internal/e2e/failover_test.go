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

	"tenant-provisioning/client"
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
	require.Zero(t, value[int](i, `SELECT count(*) FROM provisioning_logs WHERE step = 'SEND_WELCOME_EMAIL' AND status = 'FAILED'`))
}

// mailTaken has the provider take a mail without a word. Until it is released it
// cannot be asked either: a sender that has given up by then is still in doubt.
func mailTaken(i *installation) hold {
	answer := i.mail.HoldAnswers()
	i.mail.FailActivity(http.StatusServiceUnavailable)
	i.t.Cleanup(answer)
	return hold{
		t: i.t, what: "a mail that was taken", held: func() int { return len(i.mail.Messages()) },
		release: func() { i.mail.FailActivity(0); answer() },
	}
}

// inDoubt cuts the path to the first provider while a mail is on its way there,
// or its answer on the way back. The provider can be asked when it is opened.
func (i *installation) inDoubt(g *gate, taken bool) operation {
	i.t.Helper()
	if taken {
		held := mailTaken(i)
		i.start()
		o := i.create("Charité")
		held.await()
		g.cut()
		held.release()
		return o
	}
	i.mail.FailActivity(http.StatusServiceUnavailable)
	late := g.catch("/v3/mail/send")
	i.start()
	o := i.create("Charité")
	late.await(i.t, "the mail is on its way", late.reached)
	g.cut()
	i.mail.FailActivity(0)
	return o
}

// isInDoubt waits until no attempt is under way, and none has sent the mail.
func (i *installation) isInDoubt() {
	i.t.Helper()
	eventually(i.t, "the mail is in doubt", func() bool { return value[string](i, `SELECT string_agg(state, ' ') FROM emails`) == "UNKNOWN" })
}

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
	i.isInDoubt()
	require.Empty(t, backup.links())
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
	i.isInDoubt()
	i.execute(`UPDATE emails SET left_at = now() + interval '1 hour'`) // it stays young until the test has looked
	i.mail.Fail(mailtest.Fault{Status: http.StatusServiceUnavailable})
	g.open()
	eventually(t, "the first is asked", func() bool {
		return value[bool](i, `SELECT EXISTS (SELECT FROM provisioning_logs WHERE error LIKE 'an earlier attempt may still be under way%')`)
	})
	require.Empty(t, backup.links())
	i.execute(`UPDATE emails SET left_at = now() - interval '1 minute'`)
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
	o := i.inDoubt(g, true)
	i.mail.DenyActivity()
	i.mail.Fail(mailtest.Fault{Status: http.StatusServiceUnavailable})
	g.open()
	tenant := i.requireTenant(i.reaches(o.ID, "SUCCEEDED"))
	sent := i.mails(tenant.AdminEmail)
	require.Len(t, sent, 1)
	require.Equal(t, []string{invitationLink.FindString(sent[0].Text)}, backup.links())
}

// TestASlowMailProviderSendsOneMail: it has the mail, is a while about answering,
// and cannot be asked. Nobody gives up on it before it does itself, after ten
// seconds: each time that a busy machine let these pass may cost a mail.
func TestASlowMailProviderSendsOneMail(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.mail.DenyActivity()
	answer := i.mail.HoldAnswers()
	t.Cleanup(answer)
	i.start()
	o := i.create("Charité")
	eventually(t, "it took a while", func() bool {
		return value[bool](i, `SELECT EXISTS (SELECT FROM emails WHERE left_at < now() - interval '6 seconds')`)
	})
	answer()
	tenant := i.requireTenant(i.reaches(o.ID, "SUCCEEDED"))
	const gaveUp = `SELECT count(*) FROM provisioning_logs WHERE status = 'FAILED' AND error LIKE 'sendgrid: %'`
	require.Zero(t, value[int](i, gaveUp+` AND duration_ms < 10000`))
	require.LessOrEqual(t, len(i.mails(tenant.AdminEmail)), 1+value[int](i, gaveUp))
}

// throughMailGate leads to the first provider through a gate.
func (i *installation) throughMailGate() *gate {
	i.t.Helper()
	g := newGate(i.t, i.mail.URL[len("http://"):])
	i.env["SENDGRID_BASE_URL"] = "http://" + g.address()
	return g
}

// TestARelayThatDeniesUsIsNobodysAddress: it answers every recipient with "Relay
// access denied". The backup sends, and nobody is told to correct an address.
func TestARelayThatDeniesUsIsNobodysAddress(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	relay := i.throughRelay()
	relay.refuse(&smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "Relay access denied"})
	backup := i.withBackup()
	i.start()
	var operations []operation
	for n := range 14 {
		operations = append(operations, i.create("Hospital "+strconv.Itoa(n)))
	}
	for _, o := range operations {
		i.reaches(o.ID, "SUCCEEDED")
	}
	require.Len(t, backup.links(), 14)
	require.Empty(t, relay.links())
	require.Zero(t, value[int](i, `SELECT count(*) FROM provisioning_logs WHERE step = 'SEND_WELCOME_EMAIL' AND status = 'FAILED'`))
}

// TestARelayThatDeniesUsIsAnIncident where there is no backup: all wait for its
// end, and none asks a person for another address.
func TestARelayThatDeniesUsIsAnIncident(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	relay := i.throughRelay()
	relay.refuse(&smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "Relay access denied"})
	i.startAPI()
	operations := i.createMany()
	i.startWorker()
	eventually(t, "an incident is opened", func() bool {
		return value[bool](i, `SELECT EXISTS (SELECT FROM incidents WHERE dependency = 'mail' AND cause LIKE '%Relay access denied%')`)
	})
	for _, o := range operations {
		require.Contains(t, waiting, i.operation(o.ID).State)
	}
	relay.refuse(nil)
	for _, o := range operations {
		i.reaches(o.ID, "SUCCEEDED")
	}
	require.Len(t, relay.links(), many)
}

// TestGreylistingIsNoIncident: each first attempt at a mailbox is put off.
func TestGreylistingIsNoIncident(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	relay := i.throughRelay()
	relay.refuse(&smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "Greylisting in action, please come back later"})
	i.startAPI()
	operations := i.createMany()
	i.startWorker()
	eventually(t, "all were put off", func() bool {
		return value[int](i, `SELECT count(DISTINCT operation_id) FROM provisioning_logs WHERE step = 'SEND_WELCOME_EMAIL' AND error LIKE '%Greylisting%'`) == many
	})
	relay.refuse(nil)
	for _, o := range operations {
		i.reaches(o.ID, "SUCCEEDED")
	}
	require.Zero(t, value[int](i, `SELECT count(*) FROM incidents`))
}

// TestARefusedAddressParksAlone, with what the server has said of it.
func TestARefusedAddressParksAlone(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	relay := i.throughRelay()
	relay.refuse(&smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "User unknown"})
	backup := i.withBackup()
	i.start()
	o := i.reaches(i.create("Charité").ID, "NEEDS_ATTENTION")
	require.Equal(t, client.FailureClassPermanent, o.FailureClass)
	require.Contains(t, o.FailureReason, "change it with PATCH")
	require.Contains(t, o.FailureReason, "User unknown")
	require.Empty(t, backup.links())
	require.Zero(t, value[int](i, `SELECT count(*) FROM incidents`))
}

// throughRelay sends mail through a server in the same house.
func (i *installation) throughRelay() *mailbox {
	i.t.Helper()
	relay := newMailbox(i.t)
	i.env["MAIL_TRANSPORT"], i.env["MAIL_HOST"], i.env["MAIL_PORT"], i.env["MAIL_PASSWORD"] = "smtp", host, strconv.Itoa(relay.port), ""
	return relay
}

// mailbox is a mail server in the same house: neither TLS nor login.
type mailbox struct {
	t    testing.TB
	port int

	mu      sync.Mutex
	taken   [][]byte
	refusal *smtp.SMTPError // of every recipient
}

// refuse answers every recipient with a refusal; nil lets mails in again.
func (m *mailbox) refuse(with *smtp.SMTPError) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refusal = with
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

func (m *mailbox) Rcpt(string, *smtp.RcptOptions) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refusal != nil {
		return m.refusal
	}
	return nil
}

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
