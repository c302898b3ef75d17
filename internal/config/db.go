package config

import "crypto/x509"

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
	// Host is DB_HOST, localhost; a directory means a UNIX socket. Of several,
	// with commas between them, the first that takes writes is used.
	Host     string
	Port     int    // DB_PORT, 5432
	Username string // DB_USERNAME or DB_USER
	// Password may be empty where the server asks for none (certificates, a
	// socket, a development server on the loopback).
	Password Secret
	Name     string // DB_NAME
	// SSLMode is DB_SSLMODE; prefer, as libpq's own default, encrypts when the
	// server can and checks no certificate. With RootCAs it is verify-full.
	SSLMode SSLMode
	// RootCAs are the authorities that sign the server's certificate
	// (DB_SSLROOTCERT). Nil: the system's.
	RootCAs *x509.CertPool
	// SSLCert and SSLKey are the files of a certificate of our own, for a server
	// that asks for one (DB_SSLCERT, DB_SSLKEY).
	SSLCert, SSLKey string
	// MaxConns bounds the connections of one process (DB_MAX_CONNS, 16). Every
	// worker and api has its own: their sum must stay below max_connections of
	// the server, 100 by default.
	MaxConns int
	// DiskBytes is how large the disk is that has the databases and their write-ahead
	// log (DB_DISK_BYTES). Zero: how much of it is left is not judged, since no client
	// of the server can see it.
	DiskBytes int64
}

func (r *reader) db() DB {
	db := DB{
		Host:     read(r, setting{name: "DB_HOST", def: "localhost"}, socketOrHost),
		Port:     read(r, setting{name: "DB_PORT", def: "5432"}, port),
		Username: read(r, setting{name: "DB_USERNAME", aliases: []string{"DB_USER"}, required: true}, text("the name of a database role")),
		Password: readSecret(r, setting{name: "DB_PASSWORD"}, secretText("the password of that role", 1)),
		Name:     read(r, setting{name: "DB_NAME", required: true}, text("the name of the control database")),
		SSLMode: read(r, setting{name: "DB_SSLMODE", def: string(SSLPrefer)},
			oneOf(SSLDisable, SSLAllow, SSLPrefer, SSLRequire, SSLVerifyCA, SSLVerifyFull)),
		RootCAs:   r.rootCertificates("DB_SSLROOTCERT"),
		SSLCert:   read(r, setting{name: "DB_SSLCERT"}, file("a certificate in PEM")),
		SSLKey:    read(r, setting{name: "DB_SSLKEY"}, file("the key of DB_SSLCERT in PEM")),
		MaxConns:  int(read(r, setting{name: "DB_MAX_CONNS", def: "16"}, whole(2, 1000))),
		DiskBytes: read(r, setting{name: "DB_DISK_BYTES"}, whole(1<<20, 1<<60)),
	}
	if db.RootCAs != nil {
		r.checkWithRoots(&db)
	}
	if r.isSet("DB_SSLCERT") != r.isSet("DB_SSLKEY") {
		r.problem(setting{name: "DB_SSLCERT"}, "it goes with DB_SSLKEY; expected both or none")
	}
	return db
}

// checkWithRoots keeps an authority from being named and asked nothing.
func (r *reader) checkWithRoots(db *DB) {
	mode := setting{name: "DB_SSLMODE"}
	switch {
	case !r.isSet(mode.name):
		db.SSLMode = SSLVerifyFull
	case db.SSLMode == SSLDisable, db.SSLMode == SSLAllow, db.SSLMode == SSLPrefer:
		r.problem(mode, "%s checks no certificate, and DB_SSLROOTCERT is set; expected %s, %s or %s",
			db.SSLMode, SSLRequire, SSLVerifyCA, SSLVerifyFull)
	}
}
