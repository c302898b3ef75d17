package devnet_test

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stellar/go-stellar-sdk/xdr"
	"github.com/stretchr/testify/require"
)

// The metering is that of the network: every cost type has both parameters of
// both models as published.
func TestCostParametersAreThoseOfTheNetwork(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cpu := b.setting(xdr.ConfigSettingIdConfigSettingContractCostParamsCpuInstructions).MustContractCostParamsCpuInsns()
	mem := b.setting(xdr.ConfigSettingIdConfigSettingContractCostParamsMemoryBytes).MustContractCostParamsMemBytes()
	golden := goldenCosts(t)
	require.Len(t, golden, 86)
	require.Len(t, cpu, len(golden))
	require.Len(t, mem, len(golden))
	for i, g := range golden {
		got := [4]int64{int64(cpu[i].ConstTerm), int64(cpu[i].LinearTerm), int64(mem[i].ConstTerm), int64(mem[i].LinearTerm)}
		require.Equal(t, g.terms, got, g.name)
	}
}

type goldenCost struct {
	name  string
	terms [4]int64
}

func goldenCosts(t *testing.T) []goldenCost {
	t.Helper()
	f, err := os.Open("testdata/costparams.txt")
	require.NoError(t, err)
	defer f.Close()
	var costs []goldenCost
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		fields := strings.Fields(lines.Text())
		require.Len(t, fields, 5)
		c := goldenCost{name: fields[0]}
		require.Equal(t, "ContractCostType"+c.name, xdr.ContractCostType(len(costs)).String())
		for i, s := range fields[1:] {
			c.terms[i], err = strconv.ParseInt(s, 10, 64)
			require.NoError(t, err)
		}
		costs = append(costs, c)
	}
	return costs
}

func (b *testBundle) setting(id xdr.ConfigSettingId) xdr.ConfigSettingEntry {
	b.Helper()
	found := b.entries(xdr.LedgerKey{Type: xdr.LedgerEntryTypeConfigSetting, ConfigSetting: &xdr.LedgerKeyConfigSetting{ConfigSettingId: id}})
	require.Len(b, found, 1)
	var data xdr.LedgerEntryData
	require.NoError(b, xdr.SafeUnmarshalBase64(found[0].DataXDR, &data))
	return data.MustConfigSetting()
}
