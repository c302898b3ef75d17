// Package observe is what the product tells Prometheus of itself: every metric of
// ours, with its name, labels and meaning, and the page that shows them.
//
// There are two sorts. What a process has done or seen itself (counters, histograms,
// its pools) is each process's own: sum it over processes. What is true of the whole
// installation, of the database's server or of Redis is read at a scrape, is kept for
// some seconds, and is the same whichever api shows it: take the maximum. Only an api
// shows the latter, since it is there when no worker is, and a worker the balances of
// the ledger's accounts, which an api does not know.
//
// Labels are of sets that the program itself bounds: kinds, states, steps, routes,
// reasons. Nothing of a tenant, a client or a request is ever one.
//
// The package knows no adapter and imports nothing of ours but the domain and
// internal/probe, so that whoever counts can import it. What it reads it is given as a
// function.
package observe
