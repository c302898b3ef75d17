package tenant_test

import (
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tenant-provisioning/internal/tenant"
)

func TestARequestSaysWhoAndWhy(t *testing.T) {
	t.Parallel()
	clean, err := tenant.ActionRequest{Actor: " ada ", Reason: " ticket 7 ", RequestID: "r-1"}.Clean()
	require.NoError(t, err)
	require.Equal(t, tenant.ActionRequest{Actor: "ada", Reason: "ticket 7", RequestID: "r-1"}, clean)
	_, err = tenant.ActionRequest{Actor: "ada", Reason: strings.Repeat("ü", tenant.MaxReasonLength)}.Clean()
	require.NoError(t, err)

	for what, c := range map[string]struct {
		request tenant.ActionRequest
		field   string
	}{
		"no actor":                {tenant.ActionRequest{Reason: "x"}, "actor"},
		"actor of spaces":         {tenant.ActionRequest{Actor: "  ", Reason: "x"}, "actor"},
		"long actor":              {tenant.ActionRequest{Actor: strings.Repeat("a", 201), Reason: "x"}, "actor"},
		"no reason":               {tenant.ActionRequest{Actor: "ada"}, "reason"},
		"long reason":             {tenant.ActionRequest{Actor: "ada", Reason: strings.Repeat("x", tenant.MaxReasonLength+1)}, "reason"},
		"line break in reason":    {tenant.ActionRequest{Actor: "ada", Reason: "x\ny"}, "reason"},
		"escape in actor":         {tenant.ActionRequest{Actor: "ada\x1b[2J", Reason: "x"}, "actor"},
		"NUL in the request's id": {tenant.ActionRequest{Actor: "ada", Reason: "x", RequestID: "\x00"}, "requestId"},
		"long request id":         {tenant.ActionRequest{Actor: "ada", Reason: "x", RequestID: strings.Repeat("r", 256)}, "requestId"},
		"broken UTF-8":            {tenant.ActionRequest{Actor: "ada", Reason: "\xff"}, "reason"},
	} {
		_, err := c.request.Clean()
		requireInvalid(t, err, what, c.field)
	}
}

// TestWhatIsKeptOfAnyRequest fits the audit log, whatever was sent.
func TestWhatIsKeptOfAnyRequest(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		anything := rapid.OneOf(rapid.String(), rapid.StringN(0, 5000, -1), rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 5000), func(b []byte) string { return string(b) }))
		r := tenant.ActionRequest{Actor: anything.Draw(t, "actor"), Reason: anything.Draw(t, "reason"), RequestID: anything.Draw(t, "request id")}
		kept := r.Legible()
		for _, s := range []string{kept.Actor, kept.Reason, kept.RequestID} {
			require.True(t, utf8.ValidString(s))
			require.False(t, strings.ContainsFunc(s, unicode.IsControl))
		}
		require.LessOrEqual(t, utf8.RuneCountInString(kept.Actor), 200)
		require.LessOrEqual(t, utf8.RuneCountInString(kept.Reason), tenant.MaxReasonLength)
		require.LessOrEqual(t, len(kept.RequestID), 255)
	})
	require.Equal(t, tenant.ActionRequest{Actor: "a\ufffd", Reason: "x"}, tenant.ActionRequest{Actor: "a\x00", Reason: "x"}.Legible())
}

func TestARefusalSaysWhatIsAllowedInstead(t *testing.T) {
	t.Parallel()
	err := &tenant.ActionRefusedError{Action: tenant.ActionRollback, State: tenant.StateNeedsAttention, Allowed: tenant.AllowedActions(tenant.StateNeedsAttention, at(after))}
	require.EqualError(t, err, "rollback is refused: the operation is NEEDS_ATTENTION, which allows: retry, skip")
	err = &tenant.ActionRefusedError{Action: tenant.ActionRetry, State: tenant.StateSucceeded, Allowed: []tenant.Action{}}
	require.EqualError(t, err, "retry is refused: the operation is SUCCEEDED and nothing can be done with it now")
}

func TestAStepErrorKeepsItsCause(t *testing.T) {
	t.Parallel()
	cause := errors.New("connection refused")
	err := error(&tenant.StepError{Step: tenant.StepCreateSchema, Reason: "the database does not answer", Err: cause})
	require.ErrorIs(t, err, cause)
	require.EqualError(t, err, "CREATE_SCHEMA: the database does not answer: connection refused")
	require.EqualError(t, &tenant.StepError{Step: tenant.StepMarkActive, Reason: "no"}, "MARK_ACTIVE: no")
}
