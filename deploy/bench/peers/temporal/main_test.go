package main

import (
	"testing"

	"tenant-provisioning/deploy/bench/peers/peer/peertest"
)

func TestEngine(t *testing.T) {
	t.Parallel()
	peertest.Test(t, open)
}
