package tenant_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tenant-provisioning/internal/tenant"
)

func TestIDsAreOrderedByTime(t *testing.T) {
	t.Parallel()
	var last tenant.ID
	for range 100 {
		id, err := tenant.NewID()
		require.NoError(t, err)
		require.Greater(t, id, last)
		require.Equal(t, uuid.Version(7), uuid.MustParse(string(id)).Version())
		last = id
	}
}

func TestOneSpellingOfAnID(t *testing.T) {
	t.Parallel()
	id, err := tenant.NewID()
	require.NoError(t, err)
	parsed, err := tenant.ParseID(string(id))
	require.NoError(t, err)
	require.Equal(t, id, parsed)
	operation, err := tenant.NewOperationID()
	require.NoError(t, err)
	parsedOperation, err := tenant.ParseOperationID(string(operation))
	require.NoError(t, err)
	require.Equal(t, operation, parsedOperation)
	for what, s := range map[string]string{
		"nothing":        "",
		"upper case":     strings.ToUpper(string(id)),
		"braces":         "{" + string(id) + "}",
		"a URN":          "urn:uuid:" + string(id),
		"no hyphens":     strings.ReplaceAll(string(id), "-", ""),
		"a space after":  string(id) + " ",
		"too short":      string(id[:35]),
		"another letter": "g" + string(id[1:]),
		"SQL":            "' OR 1=1 --",
	} {
		_, err := tenant.ParseID(s)
		requireInvalid(t, err, what, "id")
		_, err = tenant.ParseOperationID(s)
		requireInvalid(t, err, what, "id")
	}
}

// TestIDsAreReadInEverySpelling, and kept in one.
func TestIDsAreReadInEverySpelling(t *testing.T) {
	t.Parallel()
	const id = "01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11"
	for _, s := range []string{id, strings.ToUpper(id), "{" + id + "}", "urn:uuid:" + id, "URN:UUID:" + strings.ToUpper(id), strings.ReplaceAll(id, "-", "")} {
		read, err := tenant.ReadID(s)
		require.NoError(t, err, s)
		require.Equal(t, tenant.ID(id), read)
		operation, err := tenant.ReadOperationID(s)
		require.NoError(t, err, s)
		require.Equal(t, tenant.OperationID(id), operation)
	}
	for _, s := range []string{"", id[:35], "(" + id + ")", "{" + id, id + " ", "urn:" + id, "x" + id[1:]} {
		_, err := tenant.ReadID(s)
		requireInvalid(t, err, s, "id")
		_, err = tenant.ReadOperationID(s)
		requireInvalid(t, err, s, "id")
	}
}

func requireInvalid(t *testing.T, err error, what string, fields ...string) {
	t.Helper()
	var invalid *tenant.InvalidError
	require.ErrorAs(t, err, &invalid, what)
	var found []string
	for _, f := range invalid.Fields {
		require.NotEmpty(t, f.Message)
		require.Contains(t, err.Error(), f.Message)
		found = append(found, f.Field)
	}
	require.Equal(t, fields, found, what)
}

// TestKeysFollowFromWhatTheyAreFor: the same tenant, generation and step have
// the same key whoever asks; any other has another.
func TestKeysFollowFromWhatTheyAreFor(t *testing.T) {
	t.Parallel()
	const id = tenant.ID("01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11")
	f := tenant.Fence{Tenant: id, Generation: 2, Run: "a run"}
	require.Equal(t, string(id)+"/2/SEND_WELCOME_EMAIL", f.Key(tenant.StepSendWelcomeEmail))
	f.Run, f.State, f.Operation = "another run", tenant.StateRollingBack, "another operation"
	require.Equal(t, tenant.EffectKey(id, 2, tenant.StepSendWelcomeEmail), f.Key(tenant.StepSendWelcomeEmail))
	require.NotEqual(t, tenant.EffectKey(id, 2, tenant.StepMarkActive), tenant.EffectKey(id, 3, tenant.StepMarkActive))
	require.Equal(t, "tenant-provision/"+string(id), tenant.KindProvision.WorkflowID(id))
}

func TestTheAdministratorsIDFollowsFromTheTenants(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		one, err := tenant.NewID()
		if err != nil {
			t.Fatal(err)
		}
		two, err := tenant.NewID()
		if err != nil {
			t.Fatal(err)
		}
		if one.AdministratorID() != one.AdministratorID() || one.AdministratorID() == two.AdministratorID() ||
			one.AdministratorID() == string(one) {
			t.Fatalf("%s: %s", one, one.AdministratorID())
		}
	})
}
