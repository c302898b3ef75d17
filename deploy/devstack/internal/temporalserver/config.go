package temporalserver

import (
	"errors"
	"fmt"
	"net"
	"strconv"
)

// Ports is how many consecutive ports a server listens on: frontend, history,
// matching and worker.
const Ports = 4

// StoreKind names where a server keeps its state.
type StoreKind string

const (
	// Postgres: databases NAME and NAME_visibility, made when missing.
	Postgres StoreKind = "postgres"
	// SQLite: one file, made when missing; survives kill -9.
	SQLite StoreKind = "sqlite"
	// Memory: gone with the process.
	Memory StoreKind = "memory"
)

// Store says where a server keeps its state.
type Store struct {
	Kind StoreKind
	File string // of SQLite

	// Of PostgreSQL. The user must be allowed to make databases.
	Host, User, Password string
	Port                 int
	Database             string
}

// Config says what server to run.
type Config struct {
	Host      string
	Port      int // the frontend's; the other services have the next three
	UIPort    int // 0: no Web UI
	Store     Store
	Namespace string // made when missing and shown first in the Web UI; may be empty
	LogFile   string
	LogLevel  string // debug, info, warn (default) or error
}

func (c Config) withDefaults() Config {
	if c.LogLevel == "" {
		c.LogLevel = "warn"
	}
	return c
}

func (c Config) validate() error {
	var errs []error
	if c.Host == "" || c.Port == 0 {
		errs = append(errs, errors.New("a Temporal server needs a host and a port"))
	}
	switch c.Store.Kind {
	case Postgres:
		if c.Store.Host == "" || c.Store.Port == 0 || c.Store.User == "" || c.Store.Database == "" {
			errs = append(errs, errors.New("store postgres needs host, port, user and the name of a database"))
		}
	case SQLite:
		if c.Store.File == "" {
			errs = append(errs, errors.New("store sqlite needs a file"))
		}
	case Memory:
	default:
		errs = append(errs, fmt.Errorf("store %q is not known: want postgres, sqlite or memory", c.Store.Kind))
	}
	return errors.Join(errs...)
}

// Address is the frontend's.
func (c Config) Address() string { return net.JoinHostPort(c.Host, strconv.Itoa(c.Port)) }
