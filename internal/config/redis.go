package config

import (
	"crypto/x509"
	"net"
	"strconv"
)

// Redis holds rate limits and caches: nothing that cannot be lost. It is one
// server, or a cluster that the host is part of.
type Redis struct {
	Host     string // REDIS_HOST, localhost
	Port     int    // REDIS_PORT, 6379
	Username string // REDIS_USERNAME, the user "default"
	Password Secret // REDIS_PASSWORD, none
	TLS      bool   // REDIS_TLS, false
	// RootCAs are the authorities that sign the server's certificate
	// (REDIS_SSLROOTCERT). Nil: the system's.
	RootCAs *x509.CertPool
}

func (r *reader) redis() Redis {
	// Without a password there is no login, and the user would be ignored.
	if r.isSet("REDIS_USERNAME") && !r.isSet("REDIS_PASSWORD") {
		r.problem(setting{name: "REDIS_PASSWORD"}, "missing; expected the password of REDIS_USERNAME")
	}
	redis := Redis{
		Host:     read(r, setting{name: "REDIS_HOST", def: "localhost"}, host),
		Port:     read(r, setting{name: "REDIS_PORT", def: "6379"}, port),
		Username: read(r, setting{name: "REDIS_USERNAME"}, text("the name of a user of the Redis server")),
		Password: readSecret(r, setting{name: "REDIS_PASSWORD"}, secretText("the password of the Redis server", 1)),
		TLS:      read(r, setting{name: "REDIS_TLS", def: "false"}, boolean),
		RootCAs:  r.rootCertificates("REDIS_SSLROOTCERT"),
	}
	if redis.RootCAs != nil && !redis.TLS {
		r.problem(setting{name: "REDIS_SSLROOTCERT"}, "it is for a connection with TLS; expected REDIS_TLS=true with it")
	}
	return redis
}

// Addr is host:port.
func (r Redis) Addr() string { return net.JoinHostPort(r.Host, strconv.Itoa(r.Port)) }
