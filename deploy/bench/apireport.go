package main

import (
	"net/http"
	"slices"
	"time"
)

// API is what -api measures. The load comes from the same machine: what it uses of the
// CPU is counted apart, and is missing to the api all the same. So the rates at which
// the api can still follow, and latencies near them, would be better on a machine of
// its own.
type API struct {
	// Size is how many tenants the database had.
	Size    int     `json:"tenantsInDatabase"`
	Rounds  int     `json:"rounds"`
	Seconds float64 `json:"secondsPerRateAndRound"`
	// Idle is seconds of CPU per second, by process, while nothing is asked for. It is
	// taken off everything else.
	Idle    cpu          `json:"idleCPUSecondsPerSecond"`
	Reads   []Comparison `json:"reads"`
	Verdict string       `json:"verdict"`
	// Creations is POST /v1/tenants, without a worker that does something about them.
	Creations Load     `json:"creations"`
	Streams   *Streams `json:"streams"`
}

// Comparison is one rate of requests with the cache and without, of the same mix: GETs
// of operations, tenants, provisionings and lists, and one change in a hundred.
type Comparison struct {
	Rate    int  `json:"rate"`
	With    Load `json:"cacheOn"`
	Without Load `json:"cacheOff"`
	// CPU and P99 are with the cache as a part of without, round by round. CPU is that
	// of api, Redis and PostgreSQL together.
	CPU Spread `json:"cpuRatio"`
	P99 Spread `json:"p99Ratio"`
	// Says is this in words.
	Says string `json:"says"`
}

// Load is what became of the requests of one rate, over all rounds.
type Load struct {
	Requests int `json:"requests"`
	// Achieved is requests that were answered a second, until the last one was.
	Achieved float64 `json:"answeredPerSecond"`
	Errors   int     `json:"errors"`
	Error    string  `json:"firstError,omitempty"`
	// Latencies of what is not a change, in milliseconds, from when a request was to
	// be sent: all of them where all are changes.
	P50 float64 `json:"p50ms"`
	P99 float64 `json:"p99ms"`
	// ChangesP99 is that of the PATCHes between the GETs.
	ChangesP99 float64 `json:"changesP99ms,omitempty"`
	// CPU is milliseconds of CPU per request, user and system, by process, beyond what
	// is used when idle; All is that of api, Redis and PostgreSQL together.
	CPU map[string]float64 `json:"cpuMillisecondsPerRequest"`
	All float64            `json:"cpuMillisecondsPerRequestTogether"`
	// Generator is that of the load itself, which is not in All.
	Generator float64 `json:"generatorCPUMillisecondsPerRequest"`
	// Hits is which part of the answers that may be kept came from the cache.
	Hits float64 `json:"hitRatio"`
}

// serving are the processes that have to do with an answer; Redis by the name of
// whichever program there is.
var serving = []string{"api", "postgres", "redis-server", "valkey-server", "redis"}

// milliseconds is what processes have used per request, beyond idling.
func milliseconds(all []sample, idle cpu, names ...string) float64 {
	var used float64
	var n int
	for _, s := range all {
		n += len(s.took)
		for _, name := range names {
			used += s.used[name] - idle[name]*s.elapsed.Seconds()
		}
	}
	return max(0, used) * 1000 / float64(n)
}

// latencies are those of the GETs or, where others are wanted, of the rest.
func latencies(all []sample, gets bool) []time.Duration {
	var took []time.Duration
	for _, s := range all {
		for i, r := range s.requests {
			if (r.method == http.MethodGet) == gets {
				took = append(took, s.took[i])
			}
		}
	}
	slices.Sort(took)
	return took
}

func summary(all []sample, idle cpu) Load {
	l := Load{CPU: map[string]float64{}}
	var elapsed time.Duration
	asked := map[string]float64{}
	for _, s := range all {
		l.Requests += len(s.took)
		elapsed += s.elapsed
		for _, err := range s.failed {
			if err == nil {
				continue
			}
			if l.Errors++; l.Error == "" {
				l.Error = err.Error()
			}
		}
		for from, n := range s.asked {
			asked[from] += n
		}
	}
	l.Achieved = round(float64(l.Requests-l.Errors) / elapsed.Seconds())
	reads, changes := latencies(all, true), latencies(all, false)
	if len(reads) == 0 {
		reads, changes = changes, nil
	}
	l.P50, l.P99 = percentile(reads, 50), percentile(reads, 99)
	if len(changes) > 0 {
		l.ChangesP99 = percentile(changes, 99)
	}
	for _, name := range serving {
		if ms := milliseconds(all, idle, name); ms > 0 {
			l.CPU[name] = roundCPU(ms)
		}
	}
	l.All, l.Generator = roundCPU(milliseconds(all, idle, serving...)), roundCPU(milliseconds(all, idle, "bench"))
	if n := asked["hit"] + asked["joined"] + asked["miss"] + asked["off"]; n > 0 {
		l.Hits = round((asked["hit"] + asked["joined"]) / n)
	}
	return l
}
