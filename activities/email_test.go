package activities_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/activities"
	"tenant-provisioning/internal/tenant"
)

// office is the outbox and the provider of the mail's step.
type office struct {
	store
	// mail is what Begin says of it beside that.
	mail      tenant.Email
	before    tenant.EmailState
	found     bool
	findErr   error
	repeatErr error
	sendErr   error
	leaveErr  error
	keysErr   error

	invitation tenant.Invitation
	link       string
	left       tenant.EmailState
	leftAlive  bool
	receipt    tenant.EmailReceipt
	completed  tenant.AttemptID
	given      string
}

var recipient = tenant.Tenant{
	ID: fence.Tenant, Generation: 1, Administrator: tenant.Administrator{Email: "ada@hospital.example"},
}

func (o *office) All(context.Context) (tenant.InvitationKeys, error) {
	return tenant.InvitationKeys{[]byte("key"), []byte("earlier key")}, o.keysErr
}

func (o *office) Begin(ctx context.Context, _ tenant.Fence, step tenant.Step, invite func(tenant.Tenant) tenant.Invitation) (tenant.Email, error) {
	if invite != nil {
		o.invitation = invite(recipient)
	}
	w := o.mail
	w.Step, w.ID, w.Attempt, w.Tenant, w.Before = step, "mail-1", attempt, recipient, o.before
	return w, o.call(ctx, "Begin")
}

func (o *office) Repeat(ctx context.Context, _ tenant.Fence, _ tenant.Email) error {
	_ = o.call(ctx, "Repeat")
	return o.repeatErr
}

func (o *office) Complete(ctx context.Context, _ tenant.Fence, w tenant.Email, r tenant.EmailReceipt) error {
	o.completed, o.receipt = w.Attempt, r
	return o.call(ctx, "Complete")
}

func (o *office) Leave(ctx context.Context, _ tenant.Email, s tenant.EmailState) error {
	o.left, o.leftAlive = s, ctx.Err() == nil
	_ = o.call(ctx, "Leave")
	return o.leaveErr
}

func (o *office) Undeliverable(ctx context.Context, _ tenant.Fence, _ tenant.Email, reason string) error {
	o.given = reason
	return o.call(ctx, "Undeliverable")
}

func (o *office) SendEmail(ctx context.Context, _ tenant.Email, link string) (tenant.EmailReceipt, error) {
	o.link = link
	_ = o.call(ctx, "Send")
	return tenant.EmailReceipt{Provider: "sent"}, o.sendErr
}

func (o *office) FindEmail(ctx context.Context, _ tenant.Email) (tenant.EmailReceipt, bool, error) {
	_ = o.call(ctx, "Find")
	return tenant.EmailReceipt{Provider: "found"}, o.found, o.findErr
}

func (o *office) email() *activities.Email {
	return &activities.Email{Outbox: o, Mailer: o, Failures: o, InvitationKeys: o, InvitationTTL: took, AppURL: "https://app.example/"}
}

// TestADoubtIsAskedAbout: by where an earlier attempt left the mail, it is
// sent, asked for, or neither.
func TestADoubtIsAskedAbout(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		office   office
		calls    []string
		provider string
	}{
		"never sent":               {office{before: tenant.EmailPending}, []string{"Begin", "Send", "Complete"}, "sent"},
		"refused before":           {office{before: tenant.EmailFailed}, []string{"Begin", "Send", "Complete"}, "sent"},
		"sent":                     {office{before: tenant.EmailSent}, []string{"Begin", "Complete"}, ""},
		"lost on its way, found":   {office{before: tenant.EmailSending, found: true}, []string{"Begin", "Find", "Complete"}, "found"},
		"in doubt, found":          {office{before: tenant.EmailUnknown, found: true}, []string{"Begin", "Find", "Complete"}, "found"},
		"lost on its way, missing": {office{before: tenant.EmailSending}, []string{"Begin", "Find", "Repeat", "Send", "Complete"}, "sent"},
		"in doubt, missing":        {office{before: tenant.EmailUnknown}, []string{"Begin", "Find", "Repeat", "Send", "Complete"}, "sent"},
	} {
		a := c.office.email()
		_, err := run(t, a, a.SendWelcomeEmail, fence)
		require.NoError(t, err, what)
		require.Equal(t, c.calls, c.office.calls, what)
		require.Equal(t, c.provider, c.office.receipt.Provider, what)
		require.Equal(t, attempt, c.office.completed, what)
	}
}

// TestWhereAFailedAttemptLeavesTheMail: as sure as its error is.
func TestWhereAFailedAttemptLeavesTheMail(t *testing.T) {
	t.Parallel()
	passing := &tenant.StepError{Reason: "the provider is busy"}
	permanent := &tenant.StepError{Reason: "the address is refused", Permanent: true}
	doubt := &tenant.StepError{Reason: "the connection was lost", Uncertain: true}
	for what, c := range map[string]struct {
		office office
		calls  []string
		left   tenant.EmailState
	}{
		"not taken":                       {office{before: tenant.EmailPending, sendErr: passing}, []string{"Begin", "Send", "Leave"}, tenant.EmailPending},
		"refused":                         {office{before: tenant.EmailPending, sendErr: permanent}, []string{"Begin", "Send", "Leave"}, tenant.EmailFailed},
		"in doubt":                        {office{before: tenant.EmailPending, sendErr: doubt}, []string{"Begin", "Send", "Leave"}, tenant.EmailUnknown},
		"unforeseen":                      {office{before: tenant.EmailPending, sendErr: errors.New("EOF")}, []string{"Begin", "Send", "Leave"}, tenant.EmailUnknown},
		"repeated and not taken":          {office{before: tenant.EmailSending, sendErr: passing}, []string{"Begin", "Find", "Repeat", "Send", "Leave"}, tenant.EmailPending},
		"the question failed":             {office{before: tenant.EmailSending, findErr: passing}, []string{"Begin", "Find", "Leave"}, tenant.EmailUnknown},
		"the question is refused":         {office{before: tenant.EmailUnknown, findErr: permanent}, []string{"Begin", "Find", "Leave"}, tenant.EmailUnknown},
		"the question failed, unforeseen": {office{before: tenant.EmailUnknown, findErr: errors.New("EOF")}, []string{"Begin", "Find", "Leave"}, tenant.EmailUnknown},
		"the repetition cannot be noted":  {office{before: tenant.EmailUnknown, repeatErr: passing}, []string{"Begin", "Find", "Repeat", "Leave"}, tenant.EmailUnknown},
	} {
		a := c.office.email()
		_, err := run(t, a, a.SendWelcomeEmail, fence)
		require.Error(t, err, what)
		require.Equal(t, c.calls, c.office.calls, what)
		require.Equal(t, c.left, c.office.left, what)
		require.Len(t, c.office.failures, 1)
		require.Equal(t, tenant.StepSendWelcomeEmail, c.office.failures[0].Step)
	}
}

// TestALateMailIsNotSent: the fence stops it before it leaves, and once more
// before it is repeated.
func TestALateMailIsNotSent(t *testing.T) {
	t.Parallel()
	o := &office{}
	o.do = func(context.Context) error { return tenant.ErrSuperseded }
	a := o.email()
	_, err := run(t, a, a.SendWelcomeEmail, fence)
	require.True(t, activities.Superseded(err))
	require.Equal(t, []string{"Begin"}, o.calls)

	o = &office{before: tenant.EmailUnknown, repeatErr: tenant.ErrSuperseded}
	a = o.email()
	_, err = run(t, a, a.SendWelcomeEmail, fence)
	require.True(t, activities.Superseded(err))
	require.NotContains(t, o.calls, "Send")
	require.Empty(t, o.failures)
}

// TestAStateThatCannotBeLeftHidesNothing: the mail stays SENDING, which is
// asked about; the error is that of the provider.
func TestAStateThatCannotBeLeftHidesNothing(t *testing.T) {
	t.Parallel()
	o := &office{
		before: tenant.EmailPending, sendErr: &tenant.StepError{Reason: "the address is refused", Permanent: true, Class: tenant.ClassPermanent},
		leaveErr: errors.New("the database is away"),
	}
	a := o.email()
	_, err := run(t, a, a.SendWelcomeEmail, fence)
	require.Equal(t, activities.StepFailure{
		Step: tenant.StepSendWelcomeEmail, Class: tenant.ClassPermanent, Reason: "the address is refused", Permanent: true,
	}, failure(t, err))
	require.False(t, retried(t, err))
}

// TestTheLinkIsTheInvitations: what the mail says is what the database knows
// the hash of, and a repetition says the same.
func TestTheLinkIsTheInvitations(t *testing.T) {
	t.Parallel()
	links := map[string]bool{}
	for _, before := range []tenant.EmailState{tenant.EmailPending, tenant.EmailUnknown} {
		o := &office{before: before}
		a := o.email()
		_, err := run(t, a, a.SendWelcomeEmail, fence)
		require.NoError(t, err)
		const base = "https://app.example/invitations/"
		require.Contains(t, o.link, base)
		require.Equal(t, o.invitation.TokenHash, tenant.HashToken(o.link[len(base):]))
		require.Equal(t, took, o.invitation.TTL)
		links[o.link] = true
	}
	require.Len(t, links, 1)
}

// TestAMailThatWasCancelledInDoubt: the state is written although the attempt
// was told to stop.
func TestAMailThatWasCancelledInDoubt(t *testing.T) {
	t.Parallel()
	o := &office{before: tenant.EmailPending, sendErr: context.Canceled}
	o.do = func(ctx context.Context) error {
		if slices.Equal(o.calls, []string{"Begin", "Send"}) {
			<-ctx.Done()
		}
		return nil
	}
	a := o.email()
	requireCancelled(t, cancelledAttempt(t, a, a.SendWelcomeEmail))
	require.Equal(t, tenant.EmailUnknown, o.left)
	require.True(t, o.leftAlive)
	require.Empty(t, o.failures)
}

// TestWhoSignsInNowIsTold of another address that is invited, if anybody is. An
// address that takes no mail any more must not keep the new one from being invited.
func TestWhoSignsInNowIsTold(t *testing.T) {
	t.Parallel()
	before := tenant.Email{To: &tenant.Administrator{Email: "old@hospital.example"}}
	gone := &tenant.StepError{Reason: "refused the recipient's address (550): " + tenant.ChangeAddress, Permanent: true}
	full := &tenant.StepError{Reason: "the recipient's mailbox is full (452): " + tenant.ChangeAddress}
	spam := &tenant.StepError{Reason: "refused the mail for what is in it (554)", Permanent: true}
	for what, c := range map[string]struct {
		office office
		calls  []string
		left   tenant.EmailState
	}{
		"there is somebody":   {office{mail: before, before: tenant.EmailPending}, []string{"Begin", "Send", "Complete"}, ""},
		"told already":        {office{mail: before, before: tenant.EmailSent}, []string{"Begin", "Complete"}, ""},
		"nobody":              {office{mail: tenant.Email{Nobody: true}, before: tenant.EmailPending}, []string{"Begin"}, ""},
		"nobody any more":     {office{mail: tenant.Email{Nobody: true}, before: tenant.EmailUnknown}, []string{"Begin"}, ""},
		"the address is gone": {office{mail: before, before: tenant.EmailPending, sendErr: gone}, []string{"Begin", "Send", "Undeliverable"}, ""},
		"the mailbox is full": {office{mail: before, before: tenant.EmailPending, sendErr: full}, []string{"Begin", "Send", "Leave"}, tenant.EmailPending},
		"the mail is refused": {office{mail: before, before: tenant.EmailPending, sendErr: spam}, []string{"Begin", "Send", "Leave"}, tenant.EmailFailed},
	} {
		a := c.office.email()
		_, err := run(t, a, a.SendInvitedElsewhereEmail, fence)
		require.Equal(t, c.left != "", err != nil, "%s: %v", what, err)
		require.Equal(t, c.calls, c.office.calls, what)
		require.Equal(t, c.left, c.office.left, what)
		require.Empty(t, c.office.link, "%s: the mail has no link", what)
		require.Equal(t, what == "the address is gone", c.office.given != "", what)
		if err != nil {
			require.NotContains(t, failure(t, err).Reason, "PATCH", "%s: the address of the tenant is another one", what)
		}
	}
	// Nothing of a tenant that is being removed is changed any more.
	removed := &office{before: tenant.EmailPending, sendErr: gone}
	a := removed.email()
	purging := fence
	purging.Kind = tenant.KindPurge
	_, err := run(t, a, a.SendDeletedEmail, purging)
	require.Equal(t, "refused the recipient's address (550): nobody can change it while the tenant is being removed: skip the step", failure(t, err).Reason)
	require.False(t, tenant.WantsAddress(tenant.StepSendDeletedEmail, failure(t, err).Reason))
	require.Equal(t, []string{"Begin", "Send", "Leave"}, removed.calls)
	// A refused invitation is rolled back: it is not retried.
	refused := &office{mail: tenant.Email{Again: true}, before: tenant.EmailPending, sendErr: gone}
	a = refused.email()
	inviting := fence
	inviting.Kind = tenant.KindInvite
	_, err = run(t, a, a.SendWelcomeEmail, inviting)
	require.Equal(t, "refused the recipient's address (550): change it with PATCH /v1/tenants/{id}, then invite again", failure(t, err).Reason)
	// The administrator's own address can be corrected: it is asked for.
	o := &office{mail: tenant.Email{Again: true}, before: tenant.EmailPending, sendErr: gone}
	a = o.email()
	_, err = run(t, a, a.SendWelcomeEmail, fence)
	require.Equal(t, gone.Reason, failure(t, err).Reason)
	require.Equal(t, []string{"Begin", "Send", "Leave"}, o.calls)
}
