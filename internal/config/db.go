package config

// SSLMode is libpq's sslmode.
type SSLMode string

// The modes, from the least to the most that is checked.
const (
	SSLDisable    SSLMode = "disable"
	SSLAllow      SSLMode = "allow"
	SSLPrefer     SSLMode = "prefer"
	SSLRequire    SSLMode = "require"
	SSLVerifyCA   SSLMode = "verify-ca"
	SSLVerifyFull SSLMode = "verify-full"
)

// DB is the control database, in which the tenants' schemas are too.
type DB struct {
	Host     string // DB_HOST, localhost; a directory means a UNIX socket
	Port     int    // DB_PORT, 5432
	Username string // DB_USERNAME or DB_USER
	// Password may be empty where the server asks for none (certificates, a
	// socket, a development server on the loopback).
	Password Secret
	Name     string // DB_NAME
	// SSLMode is DB_SSLMODE; prefer, as libpq's own default, encrypts when the
	// server can and checks no certificate.
	SSLMode SSLMode
	// MaxConns bounds the connections of one process (DB_MAX_CONNS, 16). Every
	// worker and api has its own: their sum must stay below max_connections of
	// the server, 100 by default.
	MaxConns int
}

func (r *reader) db() DB {
	return DB{
		Host:     read(r, setting{name: "DB_HOST", def: "localhost"}, socketOrHost),
		Port:     read(r, setting{name: "DB_PORT", def: "5432"}, port),
		Username: read(r, setting{name: "DB_USERNAME", aliases: []string{"DB_USER"}, required: true}, text("the name of a database role")),
		Password: readSecret(r, setting{name: "DB_PASSWORD"}, secretText("the password of that role", 1)),
		Name:     read(r, setting{name: "DB_NAME", required: true}, text("the name of the control database")),
		SSLMode: read(r, setting{name: "DB_SSLMODE", def: string(SSLPrefer)},
			oneOf(SSLDisable, SSLAllow, SSLPrefer, SSLRequire, SSLVerifyCA, SSLVerifyFull)),
		MaxConns: int(read(r, setting{name: "DB_MAX_CONNS", def: "16"}, whole(2, 1000))),
	}
}
