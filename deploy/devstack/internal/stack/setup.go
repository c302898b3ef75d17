package stack

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/stellar/go-stellar-sdk/keypair"

	"tenant-provisioning/deploy/devstack/internal/process"
	"tenant-provisioning/deploy/devstack/internal/role"
)

// setUp runs the product's own command, so that a stack is made ready exactly as
// an installation is. Both steps may be run again.
func (s *Stack) setUp(orderly, hard context.Context) error {
	if s.cfg.Starter == "" {
		return nil
	}
	for _, step := range []struct{ verb, what string }{
		{"migrate", "migrating the database"},
		{"setup", "registering namespace and search attributes, uploading the contract"},
	} {
		s.cfg.Say("%s", step.what)
		var out bytes.Buffer
		status, err := process.Command{
			Argv: []string{s.cfg.Starter, step.verb}, Env: s.values.Over(os.Environ()),
			Stdout: &out, Stderr: &out, Limit: 10 * time.Second,
		}.Run(orderly, hard)
		if err == nil && orderly.Err() != nil {
			err = context.Cause(orderly)
		}
		if err != nil {
			return fmt.Errorf("run %s %s: %w", s.cfg.Starter, step.verb, err)
		}
		if status != 0 {
			return fmt.Errorf("%s %s ended with status %d; its output:\n%s", s.cfg.Starter, step.verb, status, out.String())
		}
	}
	return nil
}

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
	request, err := http.NewRequestWithContext(ctx, http.MethodGet,
		stellar.URL()+"/friendbot?addr="+url.QueryEscape(deployer.Address()), nil)
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
		return fmt.Errorf("friendbot refuses to fund the deployer %s: %s: %s", deployer.Address(), response.Status, body)
	}
	return nil
}
