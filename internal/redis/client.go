package redis

import (
	"crypto/tls"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// maxQuestions is how many questions are asked at a time, and so how many
// connections there are to a server: an answer takes a fraction of a
// millisecond, so that they carry more than one process ever asks.
const maxQuestions = 32

// dial makes a client, for a single server or for a cluster that the server is
// part of. It connects when it is first asked.
func (c Config) dial(cluster bool) goredis.UniversalClient {
	options := c.options()
	if !cluster {
		client := goredis.NewClient(options.Simple())
		client.AddHook(traced{})
		return client
	}
	clustered := options.Cluster()
	// They begin with COMMAND, which a user of few rights may not.
	clustered.DisableRoutingPolicies = true
	client := goredis.NewClusterClient(clustered)
	client.AddHook(traced{})
	return client
}

func (c Config) options() *goredis.UniversalOptions {
	patience := probePatience * c.Timeout // a question has a bound of its own
	options := &goredis.UniversalOptions{
		Addrs:    []string{c.Addr},
		Username: c.Username,
		Password: c.Password,
		// One attempt: the next request is the retry.
		MaxRetries:            -1,
		DialerRetries:         1,
		DialTimeout:           patience,
		ReadTimeout:           patience,
		WriteTimeout:          patience,
		PoolTimeout:           patience,
		PoolSize:              maxQuestions,
		ContextTimeoutEnabled: true,
		// What is asked at each connection, and never needed.
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	if c.TLS {
		options.TLSConfig = &tls.Config{RootCAs: c.RootCAs, MinVersion: tls.VersionTLS12, VerifyConnection: c.VerifyConnection}
	}
	return options
}
