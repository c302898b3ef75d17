package role

import (
	"context"
	"flag"
	"fmt"

	"tenant-provisioning/deploy/devstack/internal/pgserver"
	"tenant-provisioning/deploy/devstack/internal/port"
	"tenant-provisioning/deploy/devstack/internal/temporalserver"
)

// Temporal is the Temporal server, with its Web UI unless that has no port.
type Temporal struct {
	Port      int // of the first of four services; 0: any four free ones in a row
	UIPort    int
	Store     temporalserver.Store
	Namespace string
	LogFile   string
	LogLevel  string
}

// Name implements [Role].
func (t *Temporal) Name() string { return "temporal" }

// Bind implements [Role].
func (t *Temporal) Bind(flags *flag.FlagSet) {
	flags.IntVar(&t.Port, "port", t.Port, "port of the frontend; the next three are used as well (0: free ones)")
	flags.IntVar(&t.UIPort, "ui-port", t.UIPort, "port of the Web UI (0: none)")
	flags.StringVar((*string)(&t.Store.Kind), "store", or(string(t.Store.Kind), string(temporalserver.Postgres)), "where the state is kept: postgres, sqlite or memory")
	flags.StringVar(&t.Store.File, "sqlite-file", t.Store.File, "file of store sqlite")
	flags.StringVar(&t.Store.Host, "db-host", or(t.Store.Host, port.Host), "host of store postgres")
	flags.IntVar(&t.Store.Port, "db-port", t.Store.Port, "port of store postgres")
	flags.StringVar(&t.Store.User, "db-user", or(t.Store.User, pgserver.User), "user of store postgres, who may make databases; the password is DB_PASSWORD")
	flags.StringVar(&t.Store.Database, "database", or(t.Store.Database, "temporal"), "database of store postgres; NAME_visibility is the other one")
	flags.StringVar(&t.Namespace, "namespace", t.Namespace, "make this namespace if it is missing")
	flags.StringVar(&t.LogFile, "log-file", t.LogFile, "append the log to this file (default: standard error)")
	flags.StringVar(&t.LogLevel, "log-level", or(t.LogLevel, "warn"), "debug, info, warn or error")
}

// Secrets implements [Role].
func (t *Temporal) Secrets() []string { return []string{"DB_PASSWORD=" + t.Store.Password} }

// ReadSecrets implements [Role].
func (t *Temporal) ReadSecrets(getenv func(string) string) { t.Store.Password = getenv("DB_PASSWORD") }

// Start implements [Role].
func (t *Temporal) Start(ctx context.Context) (Component, error) {
	if err := pickPort(&t.Port, temporalserver.Ports); err != nil {
		return nil, err
	}
	server, err := temporalserver.Start(ctx, t.config())
	if err != nil {
		return nil, err
	}
	return running{stop: server.Stop}, nil
}

func (t *Temporal) config() temporalserver.Config {
	return temporalserver.Config{
		Host: port.Host, Port: t.Port, UIPort: t.UIPort, Store: t.Store,
		Namespace: t.Namespace, LogFile: t.LogFile, LogLevel: t.LogLevel,
	}
}

// Addresses implements [Role].
func (t *Temporal) Addresses() map[string]string {
	out := map[string]string{"TEMPORAL_ADDRESS": port.Address(t.Port)}
	if t.Namespace != "" {
		out["TEMPORAL_NAMESPACE"] = t.Namespace
	}
	if t.UIPort != 0 {
		out["TEMPORAL_UI_URL"] = fmt.Sprintf("http://%s", port.Address(t.UIPort))
	}
	return out
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}
