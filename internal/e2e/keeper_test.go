package e2e

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	sdk "go.temporal.io/sdk/client"
)

// TestTheKeeperLooksAfterTheLedger on the schedule that setup has made, and an api shows
// how long what is there lives.
func TestTheKeeperLooksAfterTheLedger(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.start()
	tenant := i.becomesActive(i.create("Charité"))
	schedule := i.temporal().ScheduleClient().GetHandle(t.Context(), "ledger-keeper")
	require.NoError(t, i.asksTemporal(func() error {
		return schedule.Trigger(t.Context(), sdk.ScheduleTriggerOptions{Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ONE})
	}))
	eventually(t, "the keeper has looked at code and contract", func() bool {
		return value[int](i, `
			SELECT count(*) FROM stellar_lives WHERE lives_until > now() AND NOT archived AND (tenant_id IS NULL OR entry = $1)`, tenant.ContractID) == 2
	})
	eventually(t, "the api shows it", func() bool {
		page := i.metrics()
		return regexp.MustCompile(`(?m)^ledger_code_days_left [1-9]`).MatchString(page) && regexp.MustCompile(`(?m)^ledger_contract_days_left [1-9]`).MatchString(page) &&
			strings.Contains(page, "\nledger_entries_archived 0\n")
	})
}
