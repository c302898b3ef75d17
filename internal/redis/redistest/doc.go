// Package redistest runs Redis servers for tests: the real one where it is
// installed, as it is in CI, else one in Go.
package redistest
