package tenant_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tenant-provisioning/internal/tenant"
)

func TestFindingIDsAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id := tenant.FindingID(rapid.Int64Min(1).Draw(t, "id"))
		read, err := tenant.ParseFindingID(id.String())
		require.NoError(t, err)
		require.Equal(t, id, read)
		encoded, err := json.Marshal(id)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(encoded, &read))
		require.Equal(t, id, read)
	})
	for _, loose := range []string{"F-12", "f-000012", " F-00000012 "} {
		read, err := tenant.ParseFindingID(loose)
		require.NoError(t, err)
		require.Equal(t, tenant.FindingID(12), read)
	}
	for _, wrong := range []string{"", "12", "F-", "F-0", "F--1", "F-x", "F-1.5", "F-99999999999999999999"} {
		_, err := tenant.ParseFindingID(wrong)
		require.Error(t, err, wrong)
	}
}
