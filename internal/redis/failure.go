package redis

import (
	"errors"
	"strings"

	goredis "github.com/redis/go-redis/v9"
)

// reason is why Redis does not count: the label of a metric.
type reason string

const (
	unreachable reason = "unreachable"
	readOnly    reason = "read_only"
	loading     reason = "loading"
	credentials reason = "credentials"
	permissions reason = "permissions"
	full        reason = "full"
	unsaved     reason = "cannot_save"
	clustered   reason = "cluster"
	alone       reason = "no_cluster"
	occupied    reason = "occupied"
	unsuitable  reason = "unsuitable"
	other       reason = "other"
)

// words say what each reason means and what to do, to whoever may ask /readyz.
// They hold nothing of what Redis has said.
var words = map[reason]string{
	unreachable: "unreachable",
	readOnly:    "read-only: REDIS_HOST leads to a replica; the limits need the primary",
	loading:     "loading its data: it counts as soon as it is done",
	credentials: "refuses the login: check REDIS_USERNAME and REDIS_PASSWORD",
	permissions: "refuses what the limits need: give the user of REDIS_USERNAME +evalsha +eval +get +set +time and the keys tenant-provisioning:*; in a cluster, also +cluster|slots",
	full:        "full: raise maxmemory, or choose a maxmemory-policy that evicts",
	unsaved:     "refuses writes because it cannot save to its disk, or has too few replicas",
	clustered:   "a cluster that does not serve all keys, or whose nodes name addresses that the api does not reach",
	alone:       "no cluster any more",
	occupied:    "takes no more work: it has too many clients, or a script holds it up",
	unsuitable:  "does not run scripts: the limits need EVALSHA and EVAL",
	other:       "answers with an error, which is in the api's log",
}

// codes are the first words of Redis's errors.
var codes = []struct {
	text string
	is   reason
}{
	{"READONLY", readOnly},
	{"LOADING", loading},
	{"NOAUTH", credentials},
	{"WRONGPASS", credentials},
	{"NOPERM", permissions},
	{"OOM", full},
	{"MISCONF", unsaved},
	{"NOREPLICAS", unsaved},
	{"MASTERDOWN", readOnly},
	{"MOVED", clustered},
	{"ASK", clustered},
	{"CLUSTERDOWN", clustered},
	{"CROSSSLOT", clustered},
	{"TRYAGAIN", clustered},
	{"BUSY", occupied},
	{"DENIED", credentials},
}

// phrases are of errors whose first word is only ERR.
var phrases = []struct {
	text string
	is   reason
}{
	{"max number of clients", occupied},
	{"cluster support disabled", alone},
	{"invalid password", credentials},
	{"invalid username", credentials},
	{"called without any password", credentials},
	{"no password is set", credentials},
	{"unknown command", unsuitable},
	{"read only replica", readOnly},
	{"executing the script can't", permissions},
}

// failure is why a question was not answered.
type failure struct {
	reason reason
	// timeout says that there was no answer in time, which may be this process's
	// own fault when it is overloaded.
	timeout bool
	err     error
}

// Error is for the log.
func (f *failure) Error() string { return f.err.Error() }

func (f *failure) Unwrap() error { return f.err }

// Public says the same to anybody.
func (f *failure) Public() string { return words[f.reason] }

func classify(err error) *failure {
	var told goredis.Error
	if !errors.As(err, &told) {
		var network interface{ Timeout() bool }
		return &failure{reason: unreachable, timeout: errors.As(err, &network) && network.Timeout(), err: err}
	}
	return &failure{reason: reasonOf(told.Error()), err: err}
}

// reasonOf reads an error of Redis. Before version 7 those of commands in a
// script stood in the middle of the script's error, behind a hyphen.
func reasonOf(text string) reason {
	for _, code := range codes {
		if strings.HasPrefix(text, code.text+" ") || strings.Contains(text, "-"+code.text+" ") {
			return code.is
		}
	}
	for _, phrase := range phrases {
		if strings.Contains(text, phrase.text) {
			return phrase.is
		}
	}
	return other
}
