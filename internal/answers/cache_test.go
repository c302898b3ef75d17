package answers_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tenant-provisioning/internal/answers"
	"tenant-provisioning/internal/tenant"
)

// place is where an entry is kept.
type place struct {
	database string
	answers.Question
}

// world is a database of one tenant that counts its changes, and a store that loses,
// delays and keeps as it likes.
type world struct {
	mu       sync.Mutex
	database string
	// next is the first transaction that has not begun, and changed the last that has
	// changed the tenant, to value.
	next, changed uint64
	value         byte
	kept          map[place]answers.Entry
	away          bool
	// fetching happens while an entry is on its way, once.
	fetching func()
}

func (w *world) Standing(context.Context, answers.Subject) (tenant.Standing, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.away {
		return tenant.Standing{}, errors.New("away")
	}
	return tenant.Standing{Database: w.database, Snapshot: w.next, Next: w.next, Changed: w.changed}, nil
}

func (w *world) Get(_ context.Context, database string, q answers.Question) (answers.Entry, bool) {
	w.mu.Lock()
	e, found := w.kept[place{database, q}]
	meanwhile := w.fetching
	w.fetching = nil
	w.mu.Unlock()
	if meanwhile != nil {
		meanwhile()
	}
	return e, found
}

func (w *world) Put(_ context.Context, database string, q answers.Question, e answers.Entry, _ time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kept[place{database, q}] = e // whatever was there
}

func (*world) Raise(context.Context, string, []answers.Subject, uint64, time.Duration) {}

// change changes the tenant, and tells of it.
func (w *world) change() (a tenant.Announcement) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changed, w.value = w.next, w.value+1
	w.next++
	return tenant.Announcement{Tenant: "t", Transaction: w.changed}
}

// pass begins and ends a transaction that changes nothing.
func (w *world) pass() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.next++
}

func (w *world) read() byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.value
}

func newCache(t require.TestingT, w *world) *answers.Cache {
	c, err := answers.New(answers.Config{Store: w, Standing: w.Standing, MaxAge: time.Hour, Registerer: prometheus.NewRegistry()})
	require.NoError(t, err)
	return c
}

var question = answers.Question{About: answers.Subject{Tenant: "t"}, Key: "k"}

// TestNoAnswerIsOlderThanWhatIsHeard: whatever is changed, heard late, missed, put back
// and asked in whatever order, an answer has every change that was heard of, and every
// one that an answer about the same has shown.
func TestNoAnswerIsOlderThanWhatIsHeard(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := &world{database: "a", next: 10, kept: map[place]answers.Entry{}}
		c := newCache(t, w)
		c.Listening(true)
		listening := true
		var coming []tenant.Announcement
		var heard byte // the latest change that was heard of
		questions := []answers.Question{question, {Key: "list"}}
		older := map[answers.Question][]answers.Entry{}
		shown := map[answers.Question]byte{}
		t.Repeat(map[string]func(*rapid.T){
			"change": func(t *rapid.T) {
				a, now := w.change(), w.read()
				if listening {
					coming = append(coming, a)
				}
				if hook := rapid.Bool().Draw(t, "while an entry is fetched"); hook && listening {
					w.fetching = func() {
						c.Heard(a)
						heard = max(heard, now)
					}
				}
			},
			"hear": func(*rapid.T) {
				for _, a := range coming {
					c.Heard(a)
				}
				if len(coming) > 0 {
					coming, heard = nil, w.read()
				}
			},
			"another transaction": func(*rapid.T) { w.pass() },
			"hear no more, or again": func(*rapid.T) {
				listening, coming, w.fetching = !listening, nil, nil
				c.Listening(listening)
				if listening {
					heard = w.read()
				}
			},
			"ask": func(t *rapid.T) {
				q, fresh := rapid.SampledFrom(questions).Draw(t, "question"), rapid.Bool().Draw(t, "fresh")
				if len(older[q]) > 0 && rapid.Bool().Draw(t, "an old entry is back") {
					w.Put(context.Background(), "a", q, rapid.SampledFrom(older[q]).Draw(t, "entry"), 0)
				}
				a := c.Answer(context.Background(), q, fresh, func() answers.Answer {
					return answers.Answer{Value: []byte{w.read()}, Good: true}
				})
				answers.Settle(c)
				require.True(t, a.Good)
				require.GreaterOrEqual(t, a.Value[0], shown[q])
				require.GreaterOrEqual(t, a.Value[0], heard)
				if !listening || fresh {
					require.Equal(t, w.read(), a.Value[0])
				}
				shown[q] = a.Value[0]
				if e, found := w.kept[place{"a", q}]; found {
					older[q] = append(older[q], e)
				}
			},
		})
	})
}

// TestAChangeWhileItIsRead, of which is heard before the cache knows where the
// database stands, is not forgotten with that.
func TestAChangeWhileItIsRead(t *testing.T) {
	t.Parallel()
	w := &world{database: "a", next: 10, kept: map[place]answers.Entry{}}
	c := newCache(t, w)
	c.Listening(true)
	ask := func(during func()) byte {
		return c.Answer(t.Context(), question, false, func() answers.Answer {
			read := w.read()
			during()
			return answers.Answer{Value: []byte{read}, Good: true}
		}).Value[0]
	}
	require.Zero(t, ask(func() { c.Heard(w.change()) }), "it was read before")
	require.Equal(t, byte(1), ask(func() {}))
	answers.Settle(c)
	require.Equal(t, byte(1), ask(func() { require.Fail(t, "it is kept") }))
	w.mu.Lock()
	w.database = "b" // whose numbers begin anew
	w.next, w.changed = 3, 2
	w.mu.Unlock()
	c.Listening(true)
	require.Equal(t, byte(1), ask(func() {}))
	answers.Settle(c)
	require.Equal(t, byte(1), ask(func() { require.Fail(t, "it is kept") }))
	w.mu.Lock()
	w.away = true
	w.mu.Unlock()
	c.Listening(true)
	require.Equal(t, byte(1), ask(func() {}), "a database that does not say where it stands is asked all the same")
}

// TestIncidentsShowEverywhere: an incident is nobody's, and changes every answer.
func TestIncidentsShowEverywhere(t *testing.T) {
	t.Parallel()
	w := &world{database: "a", next: 10, kept: map[place]answers.Entry{}}
	c := newCache(t, w)
	c.Listening(true)
	asked := 0
	ask := func() {
		c.Answer(t.Context(), question, false, func() answers.Answer {
			asked++
			return answers.Answer{Value: []byte{1}, Good: true}
		})
	}
	ask()
	answers.Settle(c)
	ask()
	require.Equal(t, 1, asked)
	c.Heard(tenant.Announcement{Transaction: 10})
	ask()
	require.Equal(t, 2, asked)
}
