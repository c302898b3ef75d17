package mail_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/mail"
	"tenant-provisioning/internal/tenant"
)

func TestAsStepError(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		err       error
		class     tenant.FailureClass
		permanent bool
		after     time.Duration
		reason    string
	}{
		"rejected":    {&mail.RejectedError{Provider: "p", Reason: "r"}, tenant.ClassPermanent, true, 0, "p: r"},
		"auth":        {&mail.AuthError{Provider: "p", Reason: "r"}, tenant.ClassAuth, false, 0, "p: r"},
		"throttled":   {&mail.ThrottledError{Provider: "p", Reason: "r", RetryAfter: time.Minute}, tenant.ClassCapacity, false, time.Minute, "p: r"},
		"uncertain":   {&mail.UncertainError{Provider: "p", Reason: "r"}, "", false, 0, "p: r"},
		"unavailable": {&mail.UnavailableError{Provider: "p", Reason: "r"}, "", false, 0, "p: r"},
		"wrapped":     {fmt.Errorf("send: %w", &mail.RejectedError{Provider: "p", Reason: "r"}), tenant.ClassPermanent, true, 0, "p: r"},
		"unknown":     {errors.New("x"), "", false, 0, "the mail could not be sent"},
	}
	for name, tc := range cases {
		var step *tenant.StepError
		require.ErrorAs(t, mail.AsStepError(tenant.StepSendWelcomeEmail, tc.err), &step, name)
		require.Equal(t, tenant.StepSendWelcomeEmail, step.Step, name)
		require.Equal(t, tc.class, step.Class, name)
		require.Equal(t, tc.permanent, step.Permanent, name)
		require.Equal(t, name == "uncertain", step.Uncertain, name)
		require.Equal(t, tc.after, step.RetryAfter, name)
		require.Equal(t, tc.reason, step.Reason, name)
		require.ErrorIs(t, step, tc.err, name)
	}
	require.NoError(t, mail.AsStepError(tenant.StepSendWelcomeEmail, nil))
}
