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

// TestLedgerFromTheCommandLine: how the installation stands on the network, and its
// channel accounts, which a person sets aside and brings back.
func TestLedgerFromTheCommandLine(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.start()
	tenant := i.becomesActive(i.create("Charité"))
	status := i.output("stellar", "status")
	for _, says := range []string{
		"ledger ", "1000.00 ", "SOROBAN_DAY_MAX_FEE", "channel accounts: ", "no transaction is in doubt", tenant.ContractID, "of 1 contracts, ", " hours",
	} {
		require.Contains(t, status, says)
	}
	channels := regexp.MustCompile(`G[A-Z2-7]{55}`).FindAllString(i.output("stellar", "channels"), -1)
	require.NotEmpty(t, channels)
	require.Regexp(t, channels[0]+` +set aside .*ticket 7`, i.output("stellar", "channels", "set-aside", channels[0], "--reason", "ticket 7"))
	require.Contains(t, i.output("stellar", "status"), "1 set aside")
	require.NotContains(t, i.output("stellar", "channels", "bring-back", channels[0], "--reason", "ticket 7"), "set aside")
	again := i.starter("stellar", "channels", "bring-back", channels[0], "--reason", "ticket 7")
	require.Equal(t, 1, again.wait())
	require.Contains(t, again.stderr.String(), "is not set aside")
	wrong := i.starter("stellar", "channels", "set-aside", "GABC", "--reason", "ticket 7")
	require.Equal(t, 2, wrong.wait())
	require.Contains(t, wrong.stderr.String(), "no channel account of this installation")
	require.Equal(t, "channel-bring-back accepted, channel-bring-back refused, channel-set-aside accepted", value[string](i,
		`SELECT string_agg(action || ' ' || outcome, ', ' ORDER BY action, outcome) FROM audit_log WHERE action LIKE 'channel-%'`))
	require.Contains(t, i.output("stellar", "channels", "make"), "free")

	i.rpc.behave(func(c *rpcCall) {
		c.answer([]byte(`{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"db is closed"}}`))
	})
	away := i.starter("stellar", "status")
	require.Equal(t, 1, away.wait())
	require.Contains(t, away.stdout.String(), "db is closed")
	require.Contains(t, away.stdout.String(), "SOROBAN_DAY_MAX_FEE", "what the database knows is shown")
	for _, ticket := range []string{"ticket 8", "ticket 9"} {
		require.Regexp(t, channels[0]+` +set aside .*`+ticket, i.output("stellar", "channels", "set-aside", channels[0], "--reason", ticket))
	}
	unknown := i.starter("stellar", "channels", "bring-back", channels[0], "--reason", "ticket 9")
	require.Equal(t, 1, unknown.wait(), "whether its key signs is for the ledger to tell")
}
