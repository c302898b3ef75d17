package stack

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/stellar/go-stellar-sdk/clients/rpcclient"
	"github.com/stellar/go-stellar-sdk/keypair"

	"tenant-provisioning/deploy/devstack/internal/role"
)

// fundLimit spans several ledgers at the slowest interval that is allowed.
const fundLimit = 3 * time.Minute

// fund has friendbot open the deployer's account, unless it is open.
func (s *Stack) fund(ctx context.Context, stellar *role.Stellar) error {
	deployer, err := keypair.ParseFull(s.secrets.Deployer)
	if err != nil {
		return fmt.Errorf("read the deployer's key: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, fundLimit)
	defer cancel()
	// Friendbot answers with the next ledger, this at once. Whatever keeps it
	// from answering, friendbot is asked, and says so.
	client := rpcclient.NewClient(stellar.URL(), nil)
	defer client.Close()
	if _, err := client.LoadAccount(ctx, deployer.Address()); err == nil {
		return nil
	}
	return askFriendbot(ctx, stellar.URL(), deployer.Address())
}

func askFriendbot(ctx context.Context, rpc, account string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, rpc+"/friendbot?addr="+url.QueryEscape(account), nil)
	if err != nil {
		return fmt.Errorf("ask friendbot: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask friendbot to fund the deployer: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("read friendbot's answer: %w", err)
	}
	alreadyOpen := response.StatusCode == http.StatusBadRequest && strings.Contains(string(body), "already")
	if response.StatusCode != http.StatusOK && !alreadyOpen {
		return fmt.Errorf("friendbot refuses to fund the deployer %s: %s: %s", account, response.Status, body)
	}
	return nil
}
