package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRandomKills kills the worker five times in a row, each time after some
// more steps than anybody could have foreseen.
func TestRandomKills(t *testing.T) {
	t.Parallel()
	random := repeatable(t)
	i := install(t, nil)
	i.startAPI()
	const perRound = 3
	var operations []operation
	for round := range 5 {
		for n := range perRound {
			operations = append(operations, i.create(fmt.Sprintf("Hospital %d of round %d", n, round)))
		}
		rows := i.logged() + 1 + random.IntN(perRound*(len(steps)-1))
		worker := i.startWorker()
		eventually(t, "some steps are done", func() bool { return i.logged() >= rows })
		worker.kill()
	}
	i.startWorker()
	for _, o := range operations {
		i.becomesActive(o)
	}
	i.requireNoMore()
}

// logged counts the lines of all operations' logs.
func (i *installation) logged() int {
	return value[int](i, `SELECT count(*) FROM provisioning_logs`)
}

// rounds are how often a test kills everything, each time after another seed: as usual, and
// thirty by make check-deep.
func rounds(t *testing.T, usual uint64) uint64 {
	t.Helper()
	given := os.Getenv("E2E_ROUNDS")
	if given == "" {
		return usual
	}
	n, err := strconv.ParseUint(given, 10, 16)
	require.NoError(t, err, "E2E_ROUNDS")
	return n
}

// repeatable are random numbers that E2E_SEED repeats.
func repeatable(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if given := os.Getenv("E2E_SEED"); given != "" {
		var err error
		seed, err = strconv.ParseUint(given, 10, 64)
		require.NoError(t, err, "E2E_SEED")
	}
	t.Logf("E2E_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, seed))
}
