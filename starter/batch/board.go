package batch

import (
	"sync"
	"time"
)

// saveEvery bounds how often the result file is written: rewriting it for each
// of 10,000 rows would take longer than the rows.
const saveEvery = time.Second

// board collects the outcomes of rows that are worked on at the same time.
type board struct {
	watcher Watcher
	results *ResultFile

	mu       sync.Mutex
	outcomes []Outcome
	saved    time.Time
}

// settle records a row's outcome, and the result file from time to time.
func (b *board) settle(i int, o Outcome) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.outcomes[i] = o
	b.watcher.Row(o)
	if time.Since(b.saved) < saveEvery {
		return nil
	}
	b.saved = time.Now()
	return b.results.Save(b.outcomes)
}

func (b *board) save() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.results.Save(b.outcomes)
}
