package devnet_test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stellar/go-stellar-sdk/clients/rpcclient"
	"github.com/stellar/go-stellar-sdk/keypair"
	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/txnbuild"
	"github.com/stellar/go-stellar-sdk/xdr"

	"tenant-provisioning/internal/devnet"
	"tenant-provisioning/internal/devnet/devnettest"
)

// BenchmarkDeployments deploys tenant contracts as the product does: through many
// channel accounts at once, each deployment simulated, signed by channel and
// deployer, fee-bumped, sent, and waited for. One operation is one deployment.
func BenchmarkDeployments(b *testing.B) {
	for _, c := range []struct {
		channels int
		dataDir  bool
	}{{1, false}, {8, false}, {32, false}, {32, true}} {
		b.Run(fmt.Sprintf("channels=%d/stored=%v", c.channels, c.dataDir), func(b *testing.B) {
			cfg := devnet.Config{CloseInterval: devnettest.CloseInterval}
			if c.dataDir {
				cfg.DataDir = b.TempDir()
			}
			benchmarkDeployments(b, cfg, c.channels)
		})
	}
}

func benchmarkDeployments(b *testing.B, cfg devnet.Config, channels int) {
	_, url := devnettest.Open(b, cfg)
	w := newWorkload(b, url, channels)
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for _, channel := range w.channels {
		wg.Go(func() {
			client := rpcclient.NewClient(url, http.DefaultClient)
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				if err := w.deploy(client, channel, fmt.Sprintf("tenant-%d", i)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deployments/s")
}

type workload struct {
	*testing.B
	deployer, payer *keypair.Full
	channels        []*keypair.Full
}

func newWorkload(b *testing.B, url string, channels int) *workload {
	b.Helper()
	w := &workload{B: b, deployer: keypair.MustRandom(), payer: keypair.MustRandom()}
	keys := []*keypair.Full{w.deployer, w.payer}
	for range channels {
		w.channels = append(w.channels, keypair.MustRandom())
	}
	keys = append(keys, w.channels...)
	var wg sync.WaitGroup
	for _, k := range keys {
		wg.Go(func() {
			res, err := http.Get(url + "/friendbot?addr=" + k.Address())
			if err != nil {
				b.Error(err)
				return
			}
			_ = res.Body.Close()
		})
	}
	wg.Wait()
	client := rpcclient.NewClient(url, http.DefaultClient)
	if err := w.execute(client, w.channels[0], uploadFunction()); err != nil {
		b.Fatal(err)
	}
	return w
}

func (w *workload) deploy(c *rpcclient.Client, channel *keypair.Full, salt string) error {
	return w.execute(c, channel, deployment(w.deployer, w.deployer, salt))
}

func (w *workload) execute(c *rpcclient.Client, channel *keypair.Full, fn xdr.HostFunction) error {
	account, err := c.LoadAccount(w.Context(), channel.Address())
	if err != nil {
		return err
	}
	seq, err := account.GetSequenceNumber()
	if err != nil {
		return err
	}
	op := &txnbuild.InvokeHostFunction{HostFunction: fn, SourceAccount: w.deployer.Address()}
	if err := w.simulate(c, channel, seq, op); err != nil {
		return err
	}
	tx, err := w.transaction(channel, seq, op)
	if err != nil {
		return err
	}
	if tx, err = tx.Sign(devnet.Passphrase, channel, w.deployer); err != nil {
		return err
	}
	bump, err := txnbuild.NewFeeBumpTransaction(txnbuild.FeeBumpTransactionParams{Inner: tx, FeeAccount: w.payer.Address(), BaseFee: 200})
	if err != nil {
		return err
	}
	if bump, err = bump.Sign(devnet.Passphrase, w.payer); err != nil {
		return err
	}
	return w.send(c, bump)
}

func (w *workload) transaction(channel *keypair.Full, seq int64, op txnbuild.Operation) (*txnbuild.Transaction, error) {
	return txnbuild.NewTransaction(txnbuild.TransactionParams{
		SourceAccount:        &txnbuild.SimpleAccount{AccountID: channel.Address(), Sequence: seq},
		IncrementSequenceNum: true, BaseFee: 100, Operations: []txnbuild.Operation{op},
		Preconditions: txnbuild.Preconditions{TimeBounds: txnbuild.NewTimeout(300)},
	})
}

func (w *workload) simulate(c *rpcclient.Client, channel *keypair.Full, seq int64, op *txnbuild.InvokeHostFunction) error {
	tx, err := w.transaction(channel, seq, op)
	if err != nil {
		return err
	}
	s, err := tx.Base64()
	if err != nil {
		return err
	}
	r, err := c.SimulateTransaction(w.Context(), protocol.SimulateTransactionRequest{Transaction: s})
	if err != nil || r.Error != "" {
		return fmt.Errorf("simulate: %w %s", err, r.Error)
	}
	op.Ext = sorobanData(w, r.TransactionDataXDR)
	for _, a := range *r.Results[0].AuthXDR {
		var e xdr.SorobanAuthorizationEntry
		if err := xdr.SafeUnmarshalBase64(a, &e); err != nil {
			return err
		}
		op.Auth = append(op.Auth, e)
	}
	return nil
}

func (w *workload) send(c *rpcclient.Client, tx *txnbuild.FeeBumpTransaction) error {
	s, err := tx.Base64()
	if err != nil {
		return err
	}
	r, err := c.SendTransaction(w.Context(), protocol.SendTransactionRequest{Transaction: s})
	if err != nil || r.Status != "PENDING" {
		return fmt.Errorf("send: %w %s %s", err, r.Status, r.ErrorResultXDR)
	}
	poll := rpcclient.NewPollTransactionOptions().WithInitialInterval(10 * time.Millisecond).WithMaxInterval(20 * time.Millisecond)
	done, err := c.PollTransactionWithOptions(w.Context(), r.Hash, poll)
	if err != nil || done.Status != protocol.TransactionStatusSuccess {
		return fmt.Errorf("poll: %w %s", err, done.Status)
	}
	return nil
}
