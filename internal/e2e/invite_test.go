package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"tenant-provisioning/client"
	"tenant-provisioning/internal/mail/mailtest"
)

// invites asks for an invitation as whoever has a token.
func (i *installation) invites(t tenant, token string) reply {
	i.t.Helper()
	return i.insist(http.MethodPost, "/v1/tenants/"+t.ID+"/invite", map[string]string{"reason": "ticket 4711"}, "Idempotency-Key", uuid.NewString(), "Authorization", "Bearer "+token)
}

// movesTo changes the address of a tenant's administrator.
func (i *installation) movesTo(t tenant, address string) tenant {
	i.t.Helper()
	r := i.insist(http.MethodPatch, "/v1/tenants/"+t.ID, map[string]string{"adminEmail": address})
	require.Equal(i.t, http.StatusOK, r.status, "%s", r.body)
	return read[tenant](i, r)
}

// signsIn is the address that signs in as the administrator.
func (i *installation) signsIn(t tenant) string {
	i.t.Helper()
	return value[string](i, fmt.Sprintf(`SELECT email FROM %q.users WHERE password_hash IS NOT NULL`, t.SchemaName))
}

// TestAnAdministratorIsInvitedAgain: the mail is lost, and later the person has left
// with the password.
func TestAnAdministratorIsInvitedAgain(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.start()
	operator := strings.TrimSpace(i.output("token", "--role", "operator", "--subject", "ada"))
	tenant := i.becomesActive(i.create("Charité"))
	first := i.link(tenant)

	held := i.holdRow("emails", "NEW.state = 'SENT'")
	o := i.accepted(i.invites(tenant, operator))
	held.await()
	second := i.link(tenant)
	require.NotEqual(t, first, second)
	for _, link := range []string{first, second} {
		require.Equal(t, http.StatusOK, i.page(link).status, "until it is noted that the mail was sent, both work")
	}
	held.release()
	i.reaches(o.ID, "SUCCEEDED")
	require.Equal(t, http.StatusNotFound, i.page(first).status)
	require.Equal(t, http.StatusNotFound, i.submit(first, "plum tractor seven lanterns").status)
	i.setsFirstPassword(tenant)

	r := i.invites(tenant, operator)
	require.Equal(t, http.StatusForbidden, r.status, "%s", r.body)
	require.Contains(t, read[problem](i, r).Detail, "a password was set already")
	before, was := tenant.AdminEmail, len(i.mails(tenant.AdminEmail))
	tenant = i.movesTo(tenant, "grace."+uuid.NewString()[:8]+"@hospital.example")
	require.Equal(t, before, i.signsIn(tenant))
	o = i.accepted(i.invites(tenant, i.token))
	i.reaches(o.ID, "SUCCEEDED")
	told := i.mails(before)
	require.Equal(t, was+1, len(told)) //nolint:testifylint // Len would print them
	last := told[was]
	require.NotContains(t, last.Text+last.HTML, tenant.AdminEmail)
	require.NotContains(t, last.Text+last.HTML, "/invitations/")
	require.Contains(t, last.Text, "has another address for its administrator")
	require.Equal(t, before, i.signsIn(tenant), "until the link is used")
	i.setsFirstPassword(tenant)
	require.Equal(t, tenant.AdminEmail, i.signsIn(tenant))
	require.Equal(t, 1, value[int](i, `SELECT count(*) FROM audit_log WHERE tenant_id = $1 AND action = 'invite' AND outcome = 'refused'`, tenant.ID))
	require.Empty(t, i.reconciles())
}

// TestAnInvitationIsRefusedForGood by the provider: the tenant is as it was, and so
// are its links.
func TestAnInvitationIsRefusedForGood(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.start()
	tenant := i.becomesActive(i.create("Charité"))
	link := i.link(tenant)
	i.mail.Fail(mailtest.Fault{Status: http.StatusBadRequest})
	o := i.reaches(i.accepted(i.invites(tenant, i.token)).ID, "ROLLED_BACK")
	require.Equal(t, client.StepNameSendWelcomeEmail, o.FailedStep)
	require.Equal(t, client.FailureClassPermanent, o.FailureClass)
	i.closes(o, enumspb.WORKFLOW_EXECUTION_STATUS_FAILED)
	require.Equal(t, client.StatusActive, i.tenant(tenant.ID).Status)
	require.Equal(t, http.StatusOK, i.page(link).status)
	i.mail.Recover()
	i.reaches(i.accepted(i.invites(tenant, i.token)).ID, "SUCCEEDED")
	require.Equal(t, http.StatusNotFound, i.page(link).status)
	require.Empty(t, i.reconciles())
}

// TestAnInvitationThatWaitsForTheMailGivesWay: the provider is away for all, which
// may last for days, and a tenant has to be suspended.
func TestAnInvitationThatWaitsForTheMailGivesWay(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	away := outages["mail refuses connections"](i)
	i.start()
	var tenants []tenant
	for _, o := range i.createMany() {
		tenants = append(tenants, i.becomesActive(o))
	}
	away.away()
	var invitations []operation
	for _, tenant := range tenants {
		invitations = append(invitations, i.accepted(i.invites(tenant, i.token)))
	}
	eventually(t, "an incident is opened", func() bool {
		return value[int](i, `SELECT count(*) FROM incidents WHERE closed_at IS NULL AND dependency = 'mail'`) == 1
	})
	waits, suspended := invitations[0], tenants[0]
	require.Contains(t, waiting, i.operation(waits.ID).State)
	u := turns[0]
	o := u.ask(i, suspended.ID)
	eventually(t, "access has ended", func() bool {
		return !value[bool](i, `SELECT has_schema_privilege($1, $2, 'USAGE')`, suspended.RoleName, suspended.SchemaName)
	})
	ended := i.operation(waits.ID)
	require.Equal(t, client.StateRolledBack, ended.State)
	require.Equal(t, "given up for a later operation (suspend)", ended.FailureReason)
	eventually(t, "it is suspended", func() bool { return i.tenant(suspended.ID).Status == "SUSPENDED" })

	away.back()
	i.takes(u, o, suspended, 2)
	for n, invitation := range invitations[1:] {
		i.reaches(invitation.ID, "SUCCEEDED")
		i.setsFirstPassword(tenants[n+1])
	}
	eventually(t, "its run is over", func() bool {
		run, err := i.temporal().DescribeWorkflowExecution(t.Context(), "tenant-invite/"+suspended.ID, "")
		return err != nil || run.GetWorkflowExecutionInfo().GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
	})
	require.Empty(t, i.reconciles())
}

// TestWorkerIsKilledWhileSomebodyIsTold that another address is invited: each of the
// two gets one mail.
func TestWorkerIsKilledWhileSomebodyIsTold(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]func(*installation) hold{
		"in the step":                     row("provisioning_logs", "NEW.step = 'SEND_INVITED_ELSEWHERE_EMAIL'"),
		"in the mail, the answer is lost": another(mailTaken),
		"in the mail, it is not noted":    row("emails", "NEW.state = 'SENT' AND NEW.template = 'invited_elsewhere'"),
		"before the link":                 row("emails", "NEW.state = 'SENDING' AND NEW.template = 'welcome'"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := install(t, nil)
			i.startAPI()
			worker := i.startWorker()
			tenant := i.becomesActive(i.create("Charité"))
			i.setsFirstPassword(tenant)
			before := tenant.AdminEmail
			tenant = i.movesTo(tenant, "grace."+uuid.NewString()[:8]+"@hospital.example")
			held := stop(i)
			o := i.accepted(i.invites(tenant, i.token))
			held.await()
			worker.kill()
			held.release()
			i.startWorker()
			i.reaches(o.ID, "SUCCEEDED")
			require.Equal(t, 2, len(i.mails(before)), "mails")            //nolint:testifylint // Len would print them
			require.Equal(t, 1, len(i.mails(tenant.AdminEmail)), "mails") //nolint:testifylint // Len would print them
			require.Equal(t, 2, value[int](i, `SELECT count(*) FROM emails WHERE operation_id = $1 AND state = 'SENT'`, o.ID))
			require.Equal(t, before, i.signsIn(tenant))
			i.setsFirstPassword(tenant)
			require.Equal(t, tenant.AdminEmail, i.signsIn(tenant))
			require.Empty(t, i.reconciles())
		})
	}
}
