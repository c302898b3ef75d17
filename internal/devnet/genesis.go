package devnet

import (
	"bytes"

	"github.com/stellar/go-stellar-sdk/keypair"
	"github.com/stellar/go-stellar-sdk/xdr"
)

// totalCoins is every lumen that will ever exist here, in stroops: one half
// belongs to the root account, whose seed is the network id, the other to the
// friendbot.
const totalCoins = 1_000_000_000_000_000_000

func genesis(cfg Config, settings []xdr.ConfigSettingEntry) *layer {
	l := newLayer(state{})
	upgrade(l, settings, firstLedger)
	root := xdr.MustAddress(keypair.Master(cfg.Passphrase).Address())
	bot := xdr.MustAddress(friendbotKey(cfg.Passphrase).Address())
	setAccount(l, newAccount(root, totalCoins/2, 0), firstLedger)
	setAccount(l, newAccount(bot, totalCoins/2, 0), firstLedger)
	return l
}

// upgrade brings the settings up to date where they differ: a stored ledger may
// come from an older host.
func upgrade(l *layer, settings []xdr.ConfigSettingEntry, seq uint32) {
	for _, s := range settings {
		key := settingKey(s.ConfigSettingId)
		data := xdr.LedgerEntryData{Type: xdr.LedgerEntryTypeConfigSetting, ConfigSetting: &s}
		if old, ok := l.lookup(key); ok && bytes.Equal(encode(decodeEntry(old.data).Data), encode(data)) {
			continue
		}
		l.set(key, &entry{data: encode(xdr.LedgerEntry{LastModifiedLedgerSeq: xdr.Uint32(seq), Data: data}), live: noTTL, modified: seq})
	}
}
