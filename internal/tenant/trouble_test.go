package tenant_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/tenant"
)

// TestEveryTroubleHasWords and a runbook that is there; those of runs are each its own.
func TestEveryTroubleHasWords(t *testing.T) {
	t.Parallel()
	var all []tenant.Trouble
	for _, k := range tenant.TroubleKinds() {
		if k != tenant.TroubleFleet {
			all = append(all, tenant.Trouble{Kind: k, Subject: "disk"})
		}
	}
	for _, k := range tenant.FleetKinds() {
		all = append(all, tenant.Trouble{Kind: tenant.TroubleFleet, Subject: string(k)})
	}
	pages := map[string]bool{}
	for _, trouble := range all {
		words := trouble.Words()
		for _, w := range []string{words.Is, words.Was, words.Means, words.Ended, words.See} {
			require.NotEmpty(t, w, trouble)
		}
		require.FileExists(t, filepath.Join("..", "..", "docs", "runbooks", words.Runbook))
		pages[words.Runbook] = true
	}
	require.Len(t, pages, len(all))
	require.NotEmpty(t, tenant.Trouble{Kind: tenant.TroubleFleet, Subject: "of a newer version"}.Words().Is)
}
