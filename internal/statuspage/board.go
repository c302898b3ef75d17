package statuspage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
	"time"
)

const (
	// lookEvery is how often the platform is looked at.
	lookEvery = 10 * time.Second
	// lookWithin bounds one look, and what it reads and writes.
	lookWithin = 5 * time.Second
	// sure is how many looks in a row must agree before a component's state changes.
	sure = 2
	// saveEvery is how often what is known goes into the file, where nothing changes.
	saveEvery = time.Minute
)

// History is what is kept in rows.
type History interface {
	// Changes lists the changes since then, and the last of each component before.
	Changes(ctx context.Context, since time.Time) ([]Change, error)
	// Record keeps changes. One that is no change by then does nothing.
	Record(ctx context.Context, changes []Change) error
	// Incidents lists those that began since then, or have not ended; the newest first.
	Incidents(ctx context.Context, since time.Time) ([]Incident, error)
}

// Config is what a Board works with.
type Config struct {
	// Look looks at the platform. It answers within lookWithin, also of a database that is away.
	Look    func(context.Context) Seen
	History History
	// Windows lists the maintenance that is under way or to come. Nil: there is none.
	Windows func(context.Context) ([]Window, error)
	// File keeps what was known last over a restart (STATUS_FILE); empty: nothing does.
	File string
	// URL is where the page is, for the feed.
	URL    string
	Logger *slog.Logger
	Now    func() time.Time
	// Every takes its default when zero.
	Every time.Duration
}

// known is all that the documents are made of.
type known struct {
	// At is when all of it was seen; zero when nothing ever was.
	At        time.Time              `json:"at,omitzero"`
	States    map[Component]Change   `json:"states"`
	Changes   map[Component][]Change `json:"changes"`
	Incidents []Incident             `json:"incidents"`
	Windows   []Window               `json:"windows"`
}

// Board knows how the platform is. Every api has one; they share the rows.
type Board struct {
	config  Config
	printer *printer
	known   known
	// doubts are states that were seen and are not sure yet.
	doubts map[Component]doubt
	// unwritten are changes that no row has yet.
	unwritten []Change
	saved     time.Time
	shown     atomic.Pointer[Documents]
}

type doubt struct {
	Change
	times int
}

// New makes a board, which knows what the file does.
func New(c Config) (*Board, error) {
	if c.Every == 0 {
		c.Every = lookEvery
	}
	p, err := newPrinter(c.URL)
	if err != nil {
		return nil, err
	}
	b := &Board{config: c, printer: p, doubts: map[Component]doubt{}, known: known{States: map[Component]Change{}, Changes: map[Component][]Change{}}}
	if err := b.load(); err != nil {
		c.Logger.Warn("what was known before of the platform's status is lost", "error", err)
	}
	return b, b.show(c.Now())
}

// Documents are the newest. They are there from the start.
func (b *Board) Documents() *Documents { return b.shown.Load() }

// Run looks until ctx ends.
func (b *Board) Run(ctx context.Context) {
	ticker := time.NewTicker(b.config.Every)
	defer ticker.Stop()
	for ctx.Err() == nil {
		if err := b.round(ctx); err != nil && ctx.Err() == nil {
			b.config.Logger.WarnContext(ctx, "the status page does not have all that it should", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

// round looks, shares what is new, and shows it.
func (b *Board) round(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	now := b.config.Now()
	seen := b.config.Look(ctx)
	changed := b.learn(seen.components(), now)
	var failed error
	if seen.Database {
		failed = b.share(ctx, now)
	}
	if changed || now.Sub(b.saved) >= saveEvery {
		failed = errors.Join(failed, b.save(now))
	}
	return errors.Join(failed, b.show(now))
}

// learn takes over what was seen often enough, and tells whether that is new. What is
// seen first of a component is believed at once.
func (b *Board) learn(now map[Component]State, at time.Time) (changed bool) {
	for c, state := range now {
		is, known := b.known.States[c]
		if known && is.State == state {
			delete(b.doubts, c)
			continue
		}
		d := b.doubts[c]
		if d.State != state {
			d = doubt{Change: Change{Component: c, State: state, Since: at}}
		}
		d.times++
		b.doubts[c] = d
		if known && d.times < sure {
			continue
		}
		delete(b.doubts, c)
		b.known.States[c] = d.Change
		b.known.Changes[c] = append(b.known.Changes[c], d.Change)
		b.unwritten = append(b.unwritten, d.Change)
		changed = true
	}
	return changed
}

// share writes down what no row has, such as that the database was away, and reads what
// every api has written.
func (b *Board) share(ctx context.Context, now time.Time) error {
	if err := b.config.History.Record(ctx, b.unwritten); err != nil {
		return fmt.Errorf("write the history of the status page: %w", err)
	}
	b.unwritten = nil
	since := now.AddDate(0, 0, -kept)
	changes, err := b.config.History.Changes(ctx, since)
	if err != nil {
		return fmt.Errorf("read the history of the status page: %w", err)
	}
	incidents, err := b.config.History.Incidents(ctx, since)
	if err != nil {
		return fmt.Errorf("read the incidents of the status page: %w", err)
	}
	var windows []Window
	if b.config.Windows != nil {
		if windows, err = b.config.Windows(ctx); err != nil {
			return fmt.Errorf("read the maintenance of the status page: %w", err)
		}
	}
	all := map[Component][]Change{}
	for _, c := range changes {
		all[c.Component] = append(all[c.Component], c)
	}
	for c, is := range b.known.States {
		if rows := all[c]; len(rows) > 0 && rows[len(rows)-1].State == is.State {
			b.known.States[c] = rows[len(rows)-1] // another api may have seen it before
		}
	}
	b.known = known{At: now, States: b.known.States, Changes: all, Incidents: incidents, Windows: windows}
	return nil
}

func (b *Board) show(now time.Time) error {
	documents, err := b.printer.documents(b.known, now)
	if err != nil {
		return fmt.Errorf("print the status page: %w", err)
	}
	b.shown.Store(documents)
	return nil
}

// load reads the file, if there is one.
func (b *Board) load() error {
	if b.config.File == "" {
		return nil
	}
	raw, err := os.ReadFile(b.config.File)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var k known
	if err := json.Unmarshal(raw, &k); err != nil {
		return fmt.Errorf("read %s: %w", b.config.File, err)
	}
	if k.States == nil || k.Changes == nil {
		return nil
	}
	b.known = k
	for _, changes := range k.Changes {
		for _, c := range changes {
			if c.Since.After(k.At) { // the process that saw it has had no database since
				b.unwritten = append(b.unwritten, c)
			}
		}
	}
	slices.SortFunc(b.unwritten, func(a, b Change) int { return a.Since.Compare(b.Since) })
	return nil
}

// save replaces the file as a whole, so that a process that is killed leaves the old one.
func (b *Board) save(now time.Time) error {
	b.saved = now
	if b.config.File == "" {
		return nil
	}
	raw, err := json.Marshal(b.known)
	if err != nil {
		return fmt.Errorf("keep the status page: %w", err)
	}
	fresh := b.config.File + ".new"
	if err = os.WriteFile(fresh, raw, 0o600); err == nil {
		err = os.Rename(fresh, b.config.File)
	}
	if err != nil {
		return fmt.Errorf("keep the status page in the file of STATUS_FILE: %w", err)
	}
	return nil
}
