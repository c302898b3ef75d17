package mail_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/mail"
	"tenant-provisioning/internal/tenant"
)

func attentionItems() []mail.AttentionItem {
	since := time.Date(2026, 8, 14, 3, 2, 0, 0, time.UTC)
	return []mail.AttentionItem{
		{
			TenantID: "0198a5b2-7c1e-7b53-9b57-2f4d9b0a0f11", OperationID: "0198a5b2-7c1f-7d01-8a44-5d1c2b3a4f50",
			Position: tenant.Position{Kind: tenant.KindProvision, PivotPassed: true, Step: tenant.StepSendWelcomeEmail}, Class: tenant.ClassPermanent, Reason: "smtp: refused the recipient's address (550 5.1.1): " + tenant.ChangeAddress, Since: since, Deadline: since.Add(72 * time.Hour),
			Allowed: tenant.AllowedActions(tenant.StateNeedsAttention, tenant.Position{Kind: tenant.KindProvision, PivotPassed: true}),
		},
		{
			TenantID: "0198a5b2-8d22-7a10-b3c1-9e8f7a6b5c4d", OperationID: "0198a5b2-8d23-7f02-91aa-0f1e2d3c4b5a",
			Position: tenant.Position{Kind: tenant.KindProvision, Step: tenant.StepDeployContract}, Class: tenant.ClassCapacity, Reason: "the network's fee is above SOROBAN_MAX_FEE", Since: since.Add(time.Hour),
			Allowed: tenant.AllowedActions(tenant.StateNeedsAttention, tenant.Position{Kind: tenant.KindProvision}),
		},
	}
}

func TestAttentionGolden(t *testing.T) {
	t.Parallel()
	content, err := mail.Attention(attentionItems())
	require.NoError(t, err)
	requireGolden(t, "attention", content)
}

func TestAttentionOffersWhatTheTableAllows(t *testing.T) {
	t.Parallel()
	items := attentionItems()
	content, err := mail.Attention(items[:1])
	require.NoError(t, err)
	require.Equal(t, "An operation needs attention: SEND_WELCOME_EMAIL, permanent", content.Subject)
	for _, body := range []string{content.Text, strings.ReplaceAll(content.HTML, "&#39;", "'")} {
		require.Contains(t, body, "starter retry "+string(items[0].OperationID)+" --reason 'why'")
		require.Contains(t, body, "starter skip "+string(items[0].OperationID))
		require.NotContains(t, body, "starter rollback", "an active tenant is never undone")
	}
}

// TestAttentionTellsWhatTheDeadlineDoes by the table: a suspension is never undone
// by itself.
func TestAttentionTellsWhatTheDeadlineDoes(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]tenant.Position{
		"then it is rolled back by itself":   {Kind: tenant.KindResume, Step: tenant.StepResumeContract},
		"then people are told again":         {Kind: tenant.KindSuspend, Step: tenant.StepSuspendContract},
		"then the step is skipped by itself": {Kind: tenant.KindSuspend, Step: tenant.StepSendSuspendedEmail, PivotPassed: true},
	} {
		item := attentionItems()[0]
		item.Position, item.Allowed = p, tenant.AllowedActions(tenant.StateNeedsAttention, p)
		content, err := mail.Attention([]mail.AttentionItem{item})
		require.NoError(t, err)
		require.Contains(t, content.Text, want)
		require.Contains(t, content.HTML, want)
	}
}

// TestAttentionAdvisesByTheCause: another address mends only what is about it.
func TestAttentionAdvisesByTheCause(t *testing.T) {
	t.Parallel()
	for reason, advised := range map[string]bool{
		"smtp: refused the recipient's address (550 5.1.1): " + tenant.ChangeAddress:                                        true,
		"sendgrid: refused the content of the mail (400): another address would not help; ask the provider why, then retry": false,
		"the welcome mail cannot be written; the worker's log has the cause":                                                false,
		"": false,
	} {
		item := attentionItems()[0]
		item.Reason = reason
		content, err := mail.Attention([]mail.AttentionItem{item})
		require.NoError(t, err)
		require.Equal(t, advised, strings.Contains(content.Text, "correct the administrator's address"), reason)
		require.Contains(t, content.Text, reason)
	}
}

// TestNothingParkedIsSaidToMendItself.
func TestNothingParkedIsSaidToMendItself(t *testing.T) {
	t.Parallel()
	for _, class := range []tenant.FailureClass{tenant.ClassPermanent, tenant.ClassExhausted, tenant.ClassCapacity, tenant.ClassAuth, tenant.ClassUndoFailed} {
		item := attentionItems()[1]
		item.Class, item.Deadline = class, time.Time{}
		content, err := mail.Attention([]mail.AttentionItem{item})
		require.NoError(t, err)
		require.NotContains(t, content.Text, "by itself", class)
		require.NotContains(t, content.Text, "need not act", class)
	}
	for _, a := range answers {
		_, err := newScriptedSMTP(t, script{a.at: a.answer}).sender(t, mail.SMTPConfig{}).Send(t.Context(), testMessage())
		if err != nil {
			require.NotContains(t, err.Error(), "by itself")
		}
	}
}

func TestAttentionCollects(t *testing.T) {
	t.Parallel()
	items := make([]mail.AttentionItem, 0, 120)
	for range 60 {
		items = append(items, attentionItems()...)
	}
	content, err := mail.Attention(items)
	require.NoError(t, err)
	require.Equal(t, "120 operations need attention", content.Subject)
	require.Equal(t, 50, strings.Count(content.Text, "starter retry"))
	require.Contains(t, content.Text, "70 more are not shown here")
	_, err = mail.Attention(nil)
	require.Error(t, err)
}

func TestAttentionExplainsEveryClass(t *testing.T) {
	t.Parallel()
	for _, class := range []tenant.FailureClass{
		tenant.ClassPermanent, tenant.ClassExhausted, tenant.ClassConflict, tenant.ClassCapacity,
		tenant.ClassAuth, tenant.ClassCancelled, tenant.ClassUndoFailed,
	} {
		item := attentionItems()[0]
		item.Class = class
		content, err := mail.Attention([]mail.AttentionItem{item})
		require.NoError(t, err)
		require.NotContains(t, content.Text, "see its status", class)
	}
}
