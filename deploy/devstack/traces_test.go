package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stellar/go-stellar-sdk/keypair"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"

	"tenant-provisioning/deploy/devstack/internal/pgserver"
)

const traceNamespace = "trace"

// leaveTraces puts something into each component that keeps data.
func leaveTraces(t *testing.T, env map[string]string) {
	t.Helper()
	ctx := withTimeout(t)
	conn, err := pgx.Connect(ctx, databaseURL(env))
	require.NoError(t, err)
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "CREATE TABLE trace AS SELECT 'Ää' AS name")
	require.NoError(t, err)

	namespaces, err := client.NewNamespaceClient(client.Options{HostPort: env["TEMPORAL_ADDRESS"]})
	require.NoError(t, err)
	defer namespaces.Close()
	require.NoError(t, namespaces.Register(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: traceNamespace, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	}))

	mail := `{"personalizations":[{"to":[{"email":"ada@hospital.example"}]}],"from":{"email":"no-reply@tenants.example"},
		"subject":"trace","content":[{"type":"text/plain","value":"hello"}]}`
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, env["SENDGRID_BASE_URL"]+"/v3/mail/send", bytes.NewBufferString(mail))
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+env["MAIL_PASSWORD"])
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusAccepted, answer.StatusCode)
}

// findTraces finds what leaveTraces left, and the account that the stack itself
// opened on the ledger.
func findTraces(t *testing.T, env map[string]string) {
	t.Helper()
	ctx := withTimeout(t)
	conn, err := pgx.Connect(ctx, databaseURL(env))
	require.NoError(t, err)
	defer conn.Close(ctx)
	var lower string
	require.NoError(t, conn.QueryRow(ctx, "SELECT lower(name) FROM trace").Scan(&lower))
	require.Equal(t, "ää", lower, "the database folds case beyond ASCII")

	namespaces, err := client.NewNamespaceClient(client.Options{HostPort: env["TEMPORAL_ADDRESS"]})
	require.NoError(t, err)
	defer namespaces.Close()
	_, err = namespaces.Describe(ctx, traceNamespace)
	require.NoError(t, err)

	answer, err := http.Get(env["MAIL_CATCHER_URL"] + "/messages")
	require.NoError(t, err)
	defer answer.Body.Close()
	var messages []struct{ Subject string }
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&messages))
	require.Len(t, messages, 1)
	require.Equal(t, "trace", messages[0].Subject)

	require.True(t, funded(t, env), "the deployer's account is on the ledger")
}

// funded asks friendbot for the account again, which it refuses for one that
// is open.
func funded(t *testing.T, env map[string]string) bool {
	t.Helper()
	deployer, err := keypair.ParseFull(env["SOROBAN_CONTRACT_DEPLOYER_SECRET"])
	require.NoError(t, err)
	answer, err := http.Get(env["SOROBAN_RPC_URL"] + "/friendbot?addr=" + url.QueryEscape(deployer.Address()))
	require.NoError(t, err)
	defer answer.Body.Close()
	return answer.StatusCode == http.StatusBadRequest
}

func databaseURL(env map[string]string) string {
	var port int
	// A malformed port gives 0, which nothing listens on.
	_, _ = fmt.Sscan(env["DB_PORT"], &port)
	return pgserver.URL(env["DB_HOST"], port, env["DB_USERNAME"], env["DB_PASSWORD"], env["DB_NAME"])
}

func temporalServing(ctx context.Context, env map[string]string) error {
	c, err := client.DialContext(ctx, client.Options{HostPort: env["TEMPORAL_ADDRESS"]})
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.CheckHealth(ctx, &client.CheckHealthRequest{})
	return err
}

func redisServing(ctx context.Context, env map[string]string) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(env["REDIS_HOST"], env["REDIS_PORT"]))
	if err != nil {
		return err
	}
	return conn.Close()
}

// rpc calls a method of the Stellar network.
func rpc(ctx context.Context, env map[string]string, method string, params any) (json.RawMessage, error) {
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, env["SOROBAN_RPC_URL"], bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Result json.RawMessage
		Error  *struct{ Message string }
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, fmt.Errorf("%w: %s", err, raw)
	}
	if answer.Error != nil {
		return nil, fmt.Errorf("%s: %s", method, answer.Error.Message)
	}
	return answer.Result, nil
}
