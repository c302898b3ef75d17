package temporalclient

import (
	"net"
	"net/http"
	"slices"

	"github.com/rs/cors"
	"go.temporal.io/sdk/converter"
)

// maxCodecBody bounds a request to the codec server: more than the largest page
// of a history that Temporal Web UI asks about, 4 MiB before base64.
const maxCodecBody = 16 << 20

// CodecServer decrypts, and encrypts, for Temporal Web UI and the temporal
// command line, by the protocol of Temporal's remote codecs (POST /decode,
// /encode). It asks nobody who they are, so it answers only on the loopback,
// under its names, which keeps out what another site has a browser send to it.
// origins are those of the Web UIs that may read its answers; the command line
// needs none.
func CodecServer(c *Codec, origins []string) http.Handler {
	may := cors.New(cors.Options{
		// Not AllowedOrigins: without any, it would let in all.
		AllowOriginFunc: func(origin string) bool { return slices.Contains(origins, origin) },
		AllowedMethods:  []string{http.MethodPost},
		// What the Web UI sends: its namespace, and the user's token where it is
		// told to, which nothing here looks at.
		AllowedHeaders:      []string{"Content-Type", "X-Namespace", "Authorization"},
		AllowCredentials:    true,
		AllowPrivateNetwork: true, // the Web UI is usually elsewhere
	})
	codec := may.Handler(http.MaxBytesHandler(converter.NewPayloadCodecHTTPHandler(c), maxCodecBody))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if !IsLoopback(host) {
			http.Error(w, "this codec server answers only under a name of the loopback", http.StatusMisdirectedRequest)
			return
		}
		codec.ServeHTTP(w, r)
	})
}

// IsLoopback says that a host, by name or address, is this machine.
func IsLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
