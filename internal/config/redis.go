package config

import (
	"net"
	"strconv"
)

// Redis holds rate limits and caches: nothing that cannot be lost.
type Redis struct {
	Host     string // REDIS_HOST, localhost
	Port     int    // REDIS_PORT, 6379
	Password Secret // REDIS_PASSWORD, none
	TLS      bool   // REDIS_TLS, false
}

func (r *reader) redis() Redis {
	return Redis{
		Host:     read(r, setting{name: "REDIS_HOST", def: "localhost"}, host),
		Port:     read(r, setting{name: "REDIS_PORT", def: "6379"}, port),
		Password: readSecret(r, setting{name: "REDIS_PASSWORD"}, secretText("the password of the Redis server", 1)),
		TLS:      read(r, setting{name: "REDIS_TLS", def: "false"}, boolean),
	}
}

// Addr is host:port.
func (r Redis) Addr() string { return net.JoinHostPort(r.Host, strconv.Itoa(r.Port)) }
