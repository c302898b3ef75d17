package stellar

import "github.com/stellar/go-stellar-sdk/keypair"

// ChannelKey is the secret of a channel account, for a test that meddles.
func (d *Deployer) ChannelKey(n int) *keypair.Full {
	keys, err := channelKeys(keypair.MustParseFull(string(d.cfg.ChannelSecret)), d.cfg.Channels)
	if err != nil {
		panic(err)
	}
	return keys[n]
}

// EnoughXLM is what an operator is told to send.
func (d *Deployer) EnoughXLM() int64 { return d.submitter.EnoughXLM() }
