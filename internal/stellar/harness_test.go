package stellar_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stellar/go-stellar-sdk/clients/rpcclient"
	"github.com/stellar/go-stellar-sdk/keypair"
	protocol "github.com/stellar/go-stellar-sdk/protocols/rpc"
	"github.com/stellar/go-stellar-sdk/xdr"
	"github.com/stretchr/testify/require"

	tenantcontract "tenant-provisioning/contracts/tenant"
	"tenant-provisioning/internal/devnet"
	"tenant-provisioning/internal/devnet/devnettest"
	"tenant-provisioning/internal/postgres"
	"tenant-provisioning/internal/postgres/postgrestest"
	"tenant-provisioning/internal/stellar"
	"tenant-provisioning/internal/stellar/submit"
	"tenant-provisioning/internal/tenant"
)

// deadline is for everything that a test waits for. It is far beyond what any
// of it takes, on a busy machine too.
const deadline = 4 * time.Minute

// validity is far longer than any transaction needs. A test that is about one
// that expires lets the time pass.
const validity = time.Minute

// clock is that of a network and of everybody who uses it.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// expire lets the time pass after which nothing that is under way now can be
// applied any more.
func (c *clock) expire() { c.ahead.Add(int64(2 * validity)) }

// bench is one network and one database, shared by any number of deployers.
type bench struct {
	clock    *clock
	net      *devnet.Network
	pool     *pgxpool.Pool
	journal  stellar.Journal
	url      string
	deployer string
	admin    *keypair.Full
	// previous was the contracts' administrator before; empty: nobody.
	previous stellar.Seed
}

func setup(t *testing.T) *bench {
	t.Helper()
	return setupOn(t, devnet.Config{})
}

// setupOn is setup with a network of another kind.
func setupOn(t *testing.T, c devnet.Config) *bench {
	t.Helper()
	pool, admin, shared := postgrestest.New(t), keypair.MustRandom(), &clock{}
	c.CloseInterval, c.Now = devnettest.CloseInterval, shared.now
	net, url := devnettest.Open(t, c)
	return &bench{clock: shared, net: net, pool: pool, journal: postgres.NewStellarJournal(pool), url: url, deployer: admin.Seed(), admin: admin}
}

// at is the bench with its network at another address.
func (b *bench) at(url string) *bench {
	other := *b
	other.url = url
	return &other
}

// ready is setup with the code, the channels and the deployer on the ledger.
func ready(t *testing.T) *bench {
	t.Helper()
	b := setup(t)
	d := b.with(t, nil)
	fund(t, b.url, d.Address())
	require.NoError(t, d.Setup(testContext(t), nil))
	return b
}

func (b *bench) config() stellar.Config {
	return stellar.Config{
		RPCURL: b.url, Passphrase: devnet.Passphrase, Deployer: stellar.Seed(b.deployer), PreviousAdmin: b.previous, Wasm: tenantcontract.Wasm,
		Channels: 3, Validity: validity, PollInterval: 50 * time.Millisecond, RequestTimeout: deadline, Clock: b.clock.now,
	}
}

// outlive runs what may have to wait until a transaction under way can no longer
// be applied, and tells whether it did. That comes after the network had its
// chance to apply it.
func (b *bench) outlive(t *testing.T, do func() error) (waited bool, err error) {
	t.Helper()
	c := newClient(t, b.url)
	before, err := c.GetLatestLedger(t.Context())
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- do() }()
	require.Eventually(t, func() bool {
		now, err := c.GetLatestLedger(t.Context())
		return err == nil && now.Sequence > before.Sequence+10
	}, deadline, 10*time.Millisecond)
	select {
	case err = <-ended:
		return false, err
	default:
	}
	b.clock.expire()
	return true, <-ended
}

// with makes another deployer, as another process would.
func (b *bench) with(t *testing.T, change func(*stellar.Config)) *stellar.Deployer {
	t.Helper()
	c := b.config()
	if change != nil {
		change(&c)
	}
	d, err := stellar.New(c, b.journal)
	require.NoError(t, err)
	return d
}

// through makes a deployer that reaches the network through a proxy.
func (b *bench) through(t *testing.T, p *proxy) *stellar.Deployer {
	t.Helper()
	return b.with(t, func(c *stellar.Config) { c.RPCURL = p.url })
}

// newTenant writes a tenant whose operation is running, and returns its fence.
func (b *bench) newTenant(t *testing.T) tenant.Fence {
	t.Helper()
	id, err := tenant.NewID()
	require.NoError(t, err)
	op, err := tenant.NewOperationID()
	require.NoError(t, err)
	f := tenant.Fence{Operation: op, Tenant: id, Generation: 1, Run: uuid.NewString(), State: tenant.StateRunning}
	_, err = b.pool.Exec(t.Context(), `
		INSERT INTO tenants (id, name, name_key, slug, schema_name, role_name, app_login, status, admin_email, admin_first_name, admin_last_name, tier, region)
		VALUES ($1::uuid, $1::text, $1::text, '', $1::text, $1::text, 'app', 'PROVISIONING', 'a@example.org', 'A', 'B', 'standard', 'default')`, string(id))
	require.NoError(t, err)
	_, err = b.pool.Exec(t.Context(), `INSERT INTO contract_nonces (tenant_id, generation, nonce) VALUES ($1, 1, sha256($2))`, string(id), []byte(rand.Text()))
	require.NoError(t, err)
	_, err = b.pool.Exec(t.Context(), `
		INSERT INTO operations (id, tenant_id, kind, state, generation, run_id, client, retry_budget, attention_period)
		VALUES ($1, $2, 'provision', 'RUNNING', 1, $3, 'test', '30 min', '72 h')`, string(op), string(id), f.Run)
	require.NoError(t, err)
	return f
}

// nonce is that of a tenant's contract.
func (b *bench) nonce(t *testing.T, f tenant.Fence) stellar.Nonce {
	t.Helper()
	n, err := b.journal.Nonce(t.Context(), f.Tenant, f.Generation)
	require.NoError(t, err)
	return n
}

// address is where a deployer makes a tenant's contract.
func (b *bench) address(t *testing.T, d *stellar.Deployer, f tenant.Fence) (string, error) {
	t.Helper()
	return d.ContractID(f.Tenant, f.Generation, b.nonce(t, f))
}

// rollBack puts the operation into ROLLING_BACK and returns the undo's fence.
func (b *bench) rollBack(t *testing.T, f tenant.Fence) tenant.Fence {
	t.Helper()
	_, err := b.pool.Exec(t.Context(), `UPDATE operations SET state = 'ROLLING_BACK' WHERE id = $1`, string(f.Operation))
	require.NoError(t, err)
	f.State = tenant.StateRollingBack
	return f
}

func (b *bench) transactions(t *testing.T, f tenant.Fence) []submit.Transaction {
	t.Helper()
	txs, err := b.journal.Transactions(t.Context(), f.Tenant, f.Generation)
	require.NoError(t, err)
	return txs
}

// onLedger is what the ledgers hold of one tenant: the transactions that tried
// to make its contract, by whether they succeeded.
type onLedger struct{ made, failed int }

// creations reads all ledgers, independently of the code under test.
func (b *bench) creations(t *testing.T) map[xdr.Uint256]onLedger {
	t.Helper()
	out := map[xdr.Uint256]onLedger{}
	for _, tx := range ledgerTransactions(t, b.url) {
		var e xdr.TransactionEnvelope
		require.NoError(t, xdr.SafeUnmarshalBase64(tx.EnvelopeXDR, &e))
		for _, op := range e.Operations() {
			call, ok := op.Body.GetInvokeHostFunctionOp()
			if !ok || call.HostFunction.CreateContractV2 == nil {
				continue
			}
			salt := call.HostFunction.CreateContractV2.ContractIdPreimage.FromAddress.Salt
			n := out[salt]
			if tx.Status == protocol.TransactionStatusSuccess {
				n.made++
			} else {
				n.failed++
			}
			out[salt] = n
		}
	}
	return out
}

func (b *bench) creationsOf(t *testing.T, f tenant.Fence) onLedger {
	t.Helper()
	return b.creations(t)[stellar.Salt(f.Tenant, f.Generation, b.nonce(t, f))]
}

// newClient is the SDK's, for asking the network behind the deployer's back.
func newClient(t *testing.T, url string) *rpcclient.Client {
	t.Helper()
	c := rpcclient.NewClient(url, nil)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func ledgerTransactions(t *testing.T, url string) []protocol.TransactionInfo {
	t.Helper()
	c := newClient(t, url)
	var h protocol.GetHealthResponse
	require.Eventually(t, func() bool { // it is not healthy between a leap of its clock and the next ledger
		var err error
		h, err = c.GetHealth(t.Context())
		return err == nil
	}, deadline, 10*time.Millisecond)
	var all []protocol.TransactionInfo
	for q := (protocol.GetTransactionsRequest{StartLedger: h.OldestLedger}); ; {
		page, err := c.GetTransactions(t.Context(), q)
		require.NoError(t, err)
		if len(page.Transactions) == 0 {
			return all
		}
		all = append(all, page.Transactions...)
		q = protocol.GetTransactionsRequest{Pagination: &protocol.LedgerPaginationOptions{Cursor: page.Cursor}}
	}
}

// requireConsistent holds the journal against the ledgers: every line says what
// has become of its transaction, and no account is left leased by one that has
// come to its end.
func (b *bench) requireConsistent(t *testing.T) {
	t.Helper()
	applied := map[string]bool{}
	for _, tx := range ledgerTransactions(t, b.url) {
		applied[innerHash(t, tx.EnvelopeXDR)] = tx.Status == protocol.TransactionStatusSuccess
	}
	rows, err := b.pool.Query(t.Context(), `SELECT state, hash FROM stellar_transactions`)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var state, hash string
		require.NoError(t, rows.Scan(&state, &hash))
		success, found := applied[hash]
		switch submit.State(state) {
		case submit.StateApplied:
			require.True(t, found && success, "%s is APPLIED in the journal alone", hash)
		case submit.StateFailed:
			require.True(t, found && !success, "%s is FAILED in the journal alone", hash)
		default:
			require.False(t, found, "%s is %s in the journal, and in a ledger", hash, state)
		}
	}
	require.NoError(t, rows.Err())
	var leased int
	require.NoError(t, b.pool.QueryRow(t.Context(), `SELECT count(*) FROM stellar_channels WHERE lease_token IS NOT NULL AND leased_until > now()`).Scan(&leased))
	require.Zero(t, leased, "accounts that are leased for nothing")
}

// rpc asks the network directly.
func rpc[T any](t testing.TB, url, method string, params any) T {
	t.Helper()
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	var out struct {
		Result T               `json:"result"`
		Error  json.RawMessage `json:"error"`
	}
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&out))
	require.Empty(t, string(out.Error))
	return out.Result
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	t.Cleanup(cancel)
	return ctx
}

// stepError asserts that an error tells an operator something.
func stepError(t *testing.T, err error) *tenant.StepError {
	t.Helper()
	var s *tenant.StepError
	require.ErrorAs(t, err, &s)
	require.Equal(t, tenant.StepDeployContract, s.Step)
	require.NotEmpty(t, s.Reason)
	return s
}

// fund asks the network's friendbot, and waits.
func fund(t testing.TB, url, address string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/friendbot?addr="+address, http.NoBody)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
}

// purposes lists the journal, sorted.
func (b *bench) purposes(t *testing.T) []string {
	t.Helper()
	var out []string
	require.NoError(t, b.pool.QueryRow(t.Context(), `SELECT array_agg(purpose || ' ' || state ORDER BY purpose, created_at) FROM stellar_transactions`).Scan(&out))
	return out
}
