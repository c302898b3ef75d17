package e2e

import (
	"fmt"
	"testing"
)

// hold is something at which work waits until a test lets it go on.
type hold struct {
	t       testing.TB
	what    string
	held    func() int // how many wait
	release func()
}

// await waits until somebody is held.
func (h hold) await() {
	h.t.Helper()
	h.awaitAll(1)
}

// awaitAll waits until n are held.
func (h hold) awaitAll(n int) {
	h.t.Helper()
	eventually(h.t, fmt.Sprintf("%d held at: %s", n, h.what), func() bool { return h.held() >= n })
}
