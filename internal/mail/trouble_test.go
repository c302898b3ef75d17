package mail_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/mail"
	"tenant-provisioning/internal/tenant"
)

func TestTroubleGolden(t *testing.T) {
	t.Parallel()
	trouble := tenant.Trouble{
		Kind: tenant.TroubleFleet, Subject: string(tenant.FleetMigrate), Since: time.Date(2026, 8, 14, 3, 2, 0, 0, time.UTC),
		Cause: "run 0198a6b2-7c1e-7b53-9b57-2f4d9b0a0f11: 6 tenants have failed, more than the budget of 5 allows; see why, then retry, resume or abort",
	}
	content, err := mail.Trouble(trouble)
	require.NoError(t, err)
	requireGolden(t, "trouble", content)

	trouble.Until = trouble.Since.Add(12 * time.Minute)
	content, err = mail.Trouble(trouble)
	require.NoError(t, err)
	requireGolden(t, "trouble_over", content)
}
