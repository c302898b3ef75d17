package config

import (
	"encoding/base64"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
)

// defaultName is the namespace and the task queue when nothing else is said.
const defaultName = "tenant-provisioning"

// WorkerVersioning says what happens to running workflows when a new version
// of the worker is deployed.
type WorkerVersioning string

// The ways to version workers.
const (
	// VersioningOff lets any worker go on with any run. It is the default:
	// with the others a worker gets no work until its version is made current.
	VersioningOff WorkerVersioning = "off"
	// VersioningAutoUpgrade moves runs to the current version.
	VersioningAutoUpgrade WorkerVersioning = "auto-upgrade"
	// VersioningPinned ends a run on the version that it began on. Only where
	// a controller keeps workers of old versions alive.
	VersioningPinned WorkerVersioning = "pinned"
)

// PayloadKey encrypts what Temporal stores.
type PayloadKey struct {
	ID  string // goes in clear with each payload, so that old ones can be read
	Key Secret // 32 bytes, for AES-256
}

// Temporal is the engine.
type Temporal struct {
	// Address, Namespace and the rest of the connection (TLS, API key, headers)
	// are read by the SDK's envconfig from TEMPORAL_ADDRESS,
	// TEMPORAL_NAMESPACE, TEMPORAL_TLS_*, TEMPORAL_API_KEY, … and from the TOML
	// file that TEMPORAL_CONFIG_FILE names; never from a file in the user's
	// home. ClientOptions has all of them.
	Address, Namespace string
	// Retention is how long a closed run can be looked at, set when "starter
	// setup" registers the namespace (TEMPORAL_RETENTION, 30d). The database
	// keeps its own record for good.
	Retention time.Duration
	// TaskQueue is TEMPORAL_TASK_QUEUE; the queues for contracts and mail are
	// derived from it.
	TaskQueue string
	// Versioning is TEMPORAL_WORKER_VERSIONING.
	Versioning WorkerVersioning
	// DeploymentName and BuildID name this version of the worker when
	// Versioning is not off (TEMPORAL_DEPLOYMENT_NAME, the task queue;
	// TEMPORAL_WORKER_BUILD_ID, required then). The Temporal worker controller
	// sets both.
	DeploymentName, BuildID string
	// PayloadKeys encrypt payloads with the first and decrypt with any of them
	// (PAYLOAD_KEYS). Empty: payloads are stored in clear. Required in
	// production.
	PayloadKeys []PayloadKey

	// options is a function so that printing the section shows no credential.
	options func() client.Options
}

// ClientOptions are what envconfig made of the settings, with the namespace
// filled in. They hold credentials.
func (t Temporal) ClientOptions() client.Options {
	if t.options == nil {
		return client.Options{Namespace: defaultName}
	}
	return t.options()
}

// temporal reads the connection. Only a worker, which is also what has a
// listener for metrics, must say which version it is: the api and the command
// line share its settings and have no use for that.
func (r *reader) temporal(worker bool) Temporal {
	options := r.temporalClientOptions()
	t := Temporal{
		Address:     options.HostPort,
		Namespace:   options.Namespace,
		Retention:   read(r, setting{name: "TEMPORAL_RETENTION", def: "30d"}, duration(day, 10*year)),
		TaskQueue:   read(r, setting{name: "TEMPORAL_TASK_QUEUE", def: defaultName}, text("a name")),
		Versioning:  read(r, setting{name: "TEMPORAL_WORKER_VERSIONING", def: string(VersioningOff)}, oneOf(VersioningOff, VersioningAutoUpgrade, VersioningPinned)),
		PayloadKeys: r.payloadKeys(),
		options:     func() client.Options { return options },
	}
	versioned := worker && (t.Versioning == VersioningAutoUpgrade || t.Versioning == VersioningPinned)
	t.DeploymentName = read(r, setting{name: "TEMPORAL_DEPLOYMENT_NAME", def: t.TaskQueue, from: "TEMPORAL_TASK_QUEUE"}, text("the name of the deployment"))
	t.BuildID = read(r, setting{name: "TEMPORAL_WORKER_BUILD_ID", required: versioned},
		text("the version of this worker, because TEMPORAL_WORKER_VERSIONING is not off"))
	return t
}

func (r *reader) temporalClientOptions() client.Options {
	defaults := client.Options{HostPort: client.DefaultHostPort, Namespace: defaultName}
	before := len(r.problems)
	r.checkTemporalSettings()
	file := read(r, setting{name: "TEMPORAL_CONFIG_FILE"}, text("the path of a TOML file"))
	if file != "" {
		if _, err := os.Stat(file); err != nil {
			r.problem(setting{name: "TEMPORAL_CONFIG_FILE"}, "%v; expected the path of a TOML file", err)
		}
	}
	if len(r.problems) > before {
		return defaults
	}
	options, err := envconfig.LoadClientOptions(envconfig.LoadClientOptionsRequest{
		ConfigFilePath:   file,
		ConfigFileStrict: true,
		DisableFile:      file == "",
		EnvLookup:        temporalEnv{r},
	})
	if err != nil {
		r.problem(setting{name: "TEMPORAL_*"}, "%v", err)
		return defaults
	}
	if options.HostPort == "" {
		options.HostPort = defaults.HostPort
	}
	if options.Namespace == "" {
		options.Namespace = defaults.Namespace
	}
	return options
}

// checkTemporalSettings refuses what envconfig would ignore or what would only
// fail at the first call.
func (r *reader) checkTemporalSettings() {
	address := setting{name: "TEMPORAL_ADDRESS", def: client.DefaultHostPort} // after the file's
	if r.production && !r.isSet("TEMPORAL_CONFIG_FILE") {
		// By default it is the server of this machine, which in a container is nobody.
		address.def, address.required = "", true
	}
	read(r, address, hostPort)
	for _, name := range []string{"TEMPORAL_TLS", "TEMPORAL_TLS_DISABLE_HOST_VERIFICATION"} {
		read(r, setting{name: name}, sdkBoolean)
	}
	for _, set := range temporalSettings {
		r.asked = append(r.asked, asked{set, "what the Temporal SDK expects"})
		if _, err := r.source.lookup(set); err != nil {
			r.problem(set, "%v", err)
		}
	}
}

// temporalSettings are those that envconfig looks up by name, but for the ones
// that are checked by kind. The last is the beginning of any number of names.
var temporalSettings = []setting{
	{name: "TEMPORAL_NAMESPACE", def: defaultName}, {name: "TEMPORAL_API_KEY", secret: true},
	{name: "TEMPORAL_CLIENT_AUTHORITY"}, {name: "TEMPORAL_PROFILE", def: "default"},
	{name: "TEMPORAL_TLS_CLIENT_CERT_PATH"}, {name: "TEMPORAL_TLS_CLIENT_CERT_DATA"},
	{name: "TEMPORAL_TLS_CLIENT_KEY_PATH"}, {name: "TEMPORAL_TLS_CLIENT_KEY_DATA", secret: true},
	{name: "TEMPORAL_TLS_SERVER_CA_CERT_PATH"}, {name: "TEMPORAL_TLS_SERVER_CA_CERT_DATA"}, {name: "TEMPORAL_TLS_SERVER_NAME"},
	{name: "TEMPORAL_CODEC_ENDPOINT"}, {name: "TEMPORAL_CODEC_AUTH", secret: true},
	{name: grpcMetaPrefix + "*", secret: true},
}

var hostPort = kind[string]{want: `an address such as "temporal:7233" or "[::1]:7233"`, parse: func(s string) (string, bool) {
	h, p, err := net.SplitHostPort(s)
	if err != nil || h == "" {
		return "", false
	}
	_, ok := port.parse(p)
	return s, ok
}}

// sdkBoolean is what envconfig understands; it ignores everything else.
var sdkBoolean = kind[bool]{want: "true, false, 1 or 0", parse: func(s string) (value, ok bool) {
	return boolean.parse(map[string]string{"true": "true", "1": "true", "false": "false", "0": "false"}[strings.ToLower(s)])
}}

// temporalEnv lets envconfig find settings where every other setting is found.
type temporalEnv struct{ r *reader }

func (e temporalEnv) LookupEnv(name string) (string, bool) {
	value, err := e.r.source.lookup(setting{name: name})
	return value, err == nil && value != ""
}

const grpcMetaPrefix = "TEMPORAL_GRPC_META_"

// Environ gives only the gRPC headers, which is all that envconfig searches it
// for.
func (e temporalEnv) Environ() []string {
	var environ []string
	for _, name := range e.r.source.namesWithPrefix(grpcMetaPrefix) {
		if value, ok := e.LookupEnv(name); ok {
			environ = append(environ, name+"="+value)
		}
	}
	return environ
}

// payloadKeys reads PAYLOAD_KEYS: id:key pairs with commas between them.
func (r *reader) payloadKeys() []PayloadKey {
	set := setting{
		name: "PAYLOAD_KEYS", required: r.production,
		hint: "; \"echo k1:$(openssl rand -base64 32)\" prints one",
	}
	keys := readSecret(r, set, payloadKeys)
	if r.production && slices.ContainsFunc(keys, func(k PayloadKey) bool { return isRepetitive(k.Key.Reveal()) }) {
		r.problem(set, "a key (not shown) repeats itself; expected random keys with NODE_ENV=production%s", set.hint)
	}
	return keys
}

const payloadKeyBytes = 32

var payloadKeys = kind[[]PayloadKey]{
	want: "id:key pairs with commas between them, the one to encrypt with first; each id once, without colon; each key 32 bytes in base64",
	parse: func(s string) ([]PayloadKey, bool) {
		var keys []PayloadKey
		for pair := range strings.SplitSeq(s, ",") {
			id, encoded, ok := strings.Cut(strings.TrimSpace(pair), ":")
			raw, err := decodeBase64(encoded)
			if !ok || id == "" || err != nil || len(raw) != payloadKeyBytes {
				return nil, false
			}
			if slices.ContainsFunc(keys, func(k PayloadKey) bool { return k.ID == id }) {
				return nil, false
			}
			keys = append(keys, PayloadKey{ID: id, Key: NewSecret(string(raw))})
		}
		return keys, true
	},
}

// decodeBase64 takes the standard and the URL alphabet, with padding or not.
func decodeBase64(s string) ([]byte, error) {
	s = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(s, "="))
	return base64.RawStdEncoding.DecodeString(s)
}
