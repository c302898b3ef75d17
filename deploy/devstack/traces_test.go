package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stellar/go-stellar-sdk/clients/rpcclient"
	"github.com/stellar/go-stellar-sdk/keypair"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"

	"tenant-provisioning/deploy/devstack/internal/pgserver"
)

const traceNamespace = "trace"

var traceAccount = keypair.Root("trace").Address()

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

	answer, err = http.Get(env["SOROBAN_RPC_URL"] + "/friendbot?addr=" + traceAccount)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusOK, answer.StatusCode)
}

// findTraces finds what leaveTraces left.
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

	ledger := rpcclient.NewClient(env["SOROBAN_RPC_URL"], nil)
	defer ledger.Close()
	_, err = ledger.LoadAccount(ctx, traceAccount)
	require.NoError(t, err)
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

// ledgerServing makes sure that the network's RPC answers.
func ledgerServing(ctx context.Context, env map[string]string) error {
	c := rpcclient.NewClient(env["SOROBAN_RPC_URL"], nil)
	defer c.Close()
	_, err := c.GetHealth(ctx)
	return err
}
