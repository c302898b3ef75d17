package devnet

import (
	"fmt"

	"github.com/stellar/go-stellar-sdk/keypair"
	"github.com/stellar/go-stellar-sdk/xdr"

	"tenant-provisioning/internal/stellar/devnet/sorohost"
)

// totalCoins is every lumen that will ever exist here, in stroops: one half
// belongs to the root account, whose seed is the network id, the other to the
// friendbot.
const totalCoins = 1_000_000_000_000_000_000

func genesis(cfg Config, cal sorohost.Calibration) (*layer, error) {
	l := newLayer(state{})
	settings, err := configSettings(cal, cfg.MinPersistentTTL)
	if err != nil {
		return nil, fmt.Errorf("read the host's cost parameters: %w", err)
	}
	for _, s := range settings {
		key := xdr.LedgerKey{Type: xdr.LedgerEntryTypeConfigSetting, ConfigSetting: &xdr.LedgerKeyConfigSetting{ConfigSettingId: s.ConfigSettingId}}
		data := xdr.LedgerEntry{
			LastModifiedLedgerSeq: firstLedger,
			Data:                  xdr.LedgerEntryData{Type: xdr.LedgerEntryTypeConfigSetting, ConfigSetting: &s},
		}
		l.set(string(encode(key)), &entry{data: encode(data), live: noTTL, modified: firstLedger})
	}
	root := xdr.MustAddress(keypair.Master(cfg.Passphrase).Address())
	bot := xdr.MustAddress(friendbotKey(cfg.Passphrase).Address())
	setAccount(l, newAccount(root, totalCoins/2, 0), firstLedger)
	setAccount(l, newAccount(bot, totalCoins/2, 0), firstLedger)
	return l, nil
}
