package devnet

import (
	"github.com/stellar/go-stellar-sdk/xdr"

	"tenant-provisioning/internal/devnet/sorohost"
)

// Limits and fees of testnet at protocol 28, as stellar-core publishes them in
// soroban-settings. The cost parameters are the host's own.
const (
	baseFee             = 100 // stroops per operation
	maxClassicOps       = 1000
	maxContractSize     = 131_072
	txMaxInstructions   = 400_000_000
	txMaxFootprint      = 400
	txMaxDiskReads      = 200
	txMaxDiskReadBytes  = 200_000
	txMaxWrites         = 200
	txMaxWriteBytes     = 132_096
	txMaxSize           = 132_096
	txMaxEventsSize     = 16_384
	txMaxMemory         = 41_943_040
	ledgerMaxTxs        = 2000
	ledgerMaxInstrs     = 580_000_000
	ledgerMaxDiskReads  = 1000
	ledgerMaxReadBytes  = 400_000
	ledgerMaxWrites     = 1000
	ledgerMaxWriteBytes = 286_720
	ledgerMaxTxsSize    = 266_240
	maxKeySize          = 250
	maxEntrySize        = 65_536
	minTemporaryTTL     = 720
	// stateSize is what rent depends on: about the live state of the public
	// network. A young network would give rents far below real ones.
	stateSize = 3_400_000_000
)

// exactMemory corrects linear terms that the host cannot be asked for whole: an
// input large enough to show the last bits is beyond its default limit. They are
// off by up to 3 in 9 million.
var exactMemory = map[xdr.ContractCostType]xdr.Int64{
	xdr.ContractCostTypeBls12381Pairing: 9_340_474,
	xdr.ContractCostTypeBls12381G2Msm:   266_603,
	xdr.ContractCostTypeBn254Pairing:    6_232_546,
}

func configSettings(cal sorohost.Calibration, c Conditions) ([]xdr.ConfigSettingEntry, error) {
	var cpu, mem xdr.ContractCostParams
	if err := cpu.UnmarshalBinary(cal.CPU); err != nil {
		return nil, err
	}
	if err := mem.UnmarshalBinary(cal.Memory); err != nil {
		return nil, err
	}
	for cost, linear := range exactMemory {
		mem[cost].LinearTerm = linear
	}
	return append(resourceSettings(),
		xdr.ConfigSettingEntry{ConfigSettingId: xdr.ConfigSettingIdConfigSettingContractCostParamsCpuInstructions, ContractCostParamsCpuInsns: &cpu},
		xdr.ConfigSettingEntry{ConfigSettingId: xdr.ConfigSettingIdConfigSettingContractCostParamsMemoryBytes, ContractCostParamsMemBytes: &mem},
		archivalSetting(c),
		xdr.ConfigSettingEntry{ConfigSettingId: xdr.ConfigSettingIdConfigSettingLiveSorobanStateSizeWindow, LiveSorobanStateSizeWindow: &[]xdr.Uint64{stateSize}},
	), nil
}

func archivalSetting(c Conditions) xdr.ConfigSettingEntry {
	return xdr.ConfigSettingEntry{ConfigSettingId: xdr.ConfigSettingIdConfigSettingStateArchival, StateArchivalSettings: &xdr.StateArchivalSettings{
		MaxEntryTtl: xdr.Uint32(c.MaxTTL), MinTemporaryTtl: minTemporaryTTL, MinPersistentTtl: xdr.Uint32(c.MinPersistentTTL),
		PersistentRentRateDenominator: 1215, TempRentRateDenominator: 2430, MaxEntriesToArchive: 1000,
		LiveSorobanStateSizeWindowSampleSize: 30, LiveSorobanStateSizeWindowSamplePeriod: 64,
		EvictionScanSize: 500_000, StartingEvictionScanLevel: 7,
	}}
}

// maxTTL is the longest life of an entry in a ledger.
func maxTTL(v view) uint32 {
	e, ok := v.lookup(settingKey(xdr.ConfigSettingIdConfigSettingStateArchival))
	if !ok {
		return 0 // before genesis
	}
	return uint32(decodeEntry(e.data).Data.ConfigSetting.StateArchivalSettings.MaxEntryTtl)
}

func settingKey(id xdr.ConfigSettingId) string {
	return string(encode(xdr.LedgerKey{Type: xdr.LedgerEntryTypeConfigSetting, ConfigSetting: &xdr.LedgerKeyConfigSetting{ConfigSettingId: id}}))
}

func resourceSettings() []xdr.ConfigSettingEntry {
	return []xdr.ConfigSettingEntry{
		{ConfigSettingId: xdr.ConfigSettingIdConfigSettingContractMaxSizeBytes, ContractMaxSizeBytes: ptr(xdr.Uint32(maxContractSize))},
		{ConfigSettingId: xdr.ConfigSettingIdConfigSettingContractComputeV0, ContractCompute: &xdr.ConfigSettingContractComputeV0{
			LedgerMaxInstructions: ledgerMaxInstrs, TxMaxInstructions: txMaxInstructions,
			FeeRatePerInstructionsIncrement: 7, TxMemoryLimit: txMaxMemory,
		}},
		{ConfigSettingId: xdr.ConfigSettingIdConfigSettingContractLedgerCostV0, ContractLedgerCost: &xdr.ConfigSettingContractLedgerCostV0{
			LedgerMaxDiskReadEntries: ledgerMaxDiskReads, LedgerMaxDiskReadBytes: ledgerMaxReadBytes,
			LedgerMaxWriteLedgerEntries: ledgerMaxWrites, LedgerMaxWriteBytes: ledgerMaxWriteBytes,
			TxMaxDiskReadEntries: txMaxDiskReads, TxMaxDiskReadBytes: txMaxDiskReadBytes,
			TxMaxWriteLedgerEntries: txMaxWrites, TxMaxWriteBytes: txMaxWriteBytes,
			FeeDiskReadLedgerEntry: 1563, FeeWriteLedgerEntry: 2500, FeeDiskRead1Kb: 447,
			SorobanStateTargetSizeBytes:    4_000_000_000,
			RentFee1KbSorobanStateSizeLow:  -17000,
			RentFee1KbSorobanStateSizeHigh: 10000, SorobanStateRentFeeGrowthFactor: 5000,
		}},
		{ConfigSettingId: xdr.ConfigSettingIdConfigSettingContractHistoricalDataV0, ContractHistoricalData: &xdr.ConfigSettingContractHistoricalDataV0{FeeHistorical1Kb: 4059}},
		{ConfigSettingId: xdr.ConfigSettingIdConfigSettingContractEventsV0, ContractEvents: &xdr.ConfigSettingContractEventsV0{
			TxMaxContractEventsSizeBytes: txMaxEventsSize, FeeContractEvents1Kb: 5000,
		}},
		{ConfigSettingId: xdr.ConfigSettingIdConfigSettingContractBandwidthV0, ContractBandwidth: &xdr.ConfigSettingContractBandwidthV0{
			LedgerMaxTxsSizeBytes: ledgerMaxTxsSize, TxMaxSizeBytes: txMaxSize, FeeTxSize1Kb: 406,
		}},
		{ConfigSettingId: xdr.ConfigSettingIdConfigSettingContractDataKeySizeBytes, ContractDataKeySizeBytes: ptr(xdr.Uint32(maxKeySize))},
		{ConfigSettingId: xdr.ConfigSettingIdConfigSettingContractDataEntrySizeBytes, ContractDataEntrySizeBytes: ptr(xdr.Uint32(maxEntrySize))},
		{ConfigSettingId: xdr.ConfigSettingIdConfigSettingContractExecutionLanes, ContractExecutionLanes: &xdr.ConfigSettingContractExecutionLanesV0{LedgerMaxTxCount: ledgerMaxTxs}},
		{ConfigSettingId: xdr.ConfigSettingIdConfigSettingContractLedgerCostExtV0, ContractLedgerCostExt: &xdr.ConfigSettingContractLedgerCostExtV0{
			TxMaxFootprintEntries: txMaxFootprint, FeeWrite1Kb: 875,
		}},
	}
}
