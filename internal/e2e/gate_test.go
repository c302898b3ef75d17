package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// host is the interface on which everything listens.
const host = "127.0.0.1"

// ports given out so far, each with a locked file, so that other tests on this
// machine do not take it while nobody listens. They lie below the ones that the
// kernel gives out by itself, and below those that a stack takes: it likes 15432
// to 18233 best, else it takes some from 20000 on.
var ports struct {
	sync.Mutex
	leases []*os.File
}

func freePort(t testing.TB) int {
	t.Helper()
	ports.Lock()
	defer ports.Unlock()
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("e2e-ports-%d", os.Getuid())) //nolint:usetesting // shared by all test processes: a port is leased among them
	require.NoError(t, os.MkdirAll(dir, 0o700))
	for range 1000 {
		p := 11000 + rand.IntN(4000)
		lease, err := os.OpenFile(filepath.Join(dir, strconv.Itoa(p)), os.O_CREATE|os.O_RDONLY, 0o600)
		require.NoError(t, err)
		if syscall.Flock(int(lease.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			if l, err := net.Listen("tcp", address(p)); err == nil {
				require.NoError(t, l.Close())
				ports.leases = append(ports.leases, lease) // until the process ends
				return p
			}
		}
		require.NoError(t, lease.Close())
	}
	require.FailNow(t, "no free port")
	return 0
}

func address(port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

// gate is a network path to a server, which a test can break.
type gate struct {
	t      testing.TB
	target string
	port   int

	mu       sync.Mutex
	listener net.Listener
	links    map[*link]bool
	frozen   chan struct{} // not nil while nothing gets through; closed by thaw
	trigger  []byte
	catching *caught
	alone    bool // the trigger freezes everything else
}

// caught is a request that is late.
type caught struct {
	reached  chan struct{} // closed when the request has come
	released chan struct{} // closed when it goes on
	answered chan struct{} // closed when the server has answered it then
}

// link is one connection.
type link struct {
	client, server net.Conn
	ended          chan struct{}
	once           sync.Once
	late           *caught // the request that is late on it, once there is one
	stranded       bool    // nothing gets through it any more
}

func (l *link) end() {
	l.once.Do(func() {
		close(l.ended)
		_ = l.client.Close() // it is to break
		_ = l.server.Close()
	})
}

// newGate makes a path that works.
func newGate(t testing.TB, target string) *gate {
	t.Helper()
	g := &gate{t: t, target: target, port: freePort(t), links: map[*link]bool{}}
	g.open()
	t.Cleanup(g.cut)
	return g
}

func (g *gate) address() string { return address(g.port) }

// cut refuses connections, and breaks those that are there.
func (g *gate) cut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.listener != nil {
		_ = g.listener.Close() // it is to break
		g.listener = nil
	}
	for l := range g.links {
		l.end()
		delete(g.links, l)
	}
}

// open lets connections through again.
func (g *gate) open() {
	g.t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.listener != nil {
		return
	}
	var l net.Listener
	// A program that another test is just starting has the old listener open
	// until it is executed.
	eventually(g.t, "the gate opens", func() bool {
		var err error
		l, err = net.Listen("tcp", g.address())
		return err == nil
	})
	g.listener = l
	go g.accept(l)
}

// freeze swallows everything, without a word to anybody.
func (g *gate) freeze() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.frozen == nil {
		g.frozen = make(chan struct{})
	}
}

// thaw delivers what was frozen, and lets everything through again.
func (g *gate) thaw() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.frozen != nil {
		close(g.frozen)
		g.frozen = nil
	}
}

// replace has the server at another host: connections that were frozen stay so,
// since nobody is left to end them, and new ones get through.
func (g *gate) replace() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for l := range g.links {
		l.stranded = true
	}
	g.frozen = nil // and not closed
}

// lead has new connections lead to another server. Those that are there stay.
func (g *gate) lead(target string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.target = target
}

// catch delays the first request that holds text, and everything after it on
// its connection.
func (g *gate) catch(text string) *caught {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.trigger = []byte(text)
	g.catching = &caught{reached: make(chan struct{}), released: make(chan struct{}), answered: make(chan struct{})}
	return g.catching
}

// catchAlone is catch, and freezes everything else at the same moment: whoever
// has sent the request cannot send it another time.
func (g *gate) catchAlone(text string) *caught {
	g.mu.Lock()
	g.alone = true
	g.mu.Unlock()
	return g.catch(text)
}

// await waits until something has happened to the request.
func (c *caught) await(t testing.TB, what string, ch <-chan struct{}) {
	t.Helper()
	eventually(t, what, func() bool {
		select {
		case <-ch:
			return true
		default:
			return false
		}
	})
}

func (g *gate) accept(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		go g.connect(client)
	}
}

func (g *gate) connect(client net.Conn) {
	g.mu.Lock()
	target := g.target
	g.mu.Unlock()
	server, err := net.Dial("tcp", target)
	if err != nil {
		_ = client.Close() // as if it had not listened
		return
	}
	l := &link{client: client, server: server, ended: make(chan struct{})}
	g.mu.Lock()
	if g.listener == nil {
		l.end()
	}
	g.links[l] = true
	g.mu.Unlock()
	go g.pump(l, server, client, true)
	g.pump(l, client, server, false)
}

// pump carries one direction. When it ends, the other one ends too.
func (g *gate) pump(l *link, to, from net.Conn, request bool) {
	defer l.end()
	chunk := make([]byte, 64<<10)
	var seen []byte // the end of what has passed, for a trigger that comes in two parts
	for {
		n, err := from.Read(chunk)
		if n > 0 {
			if request {
				seen = append(seen, chunk[:n]...)
				g.await(l, g.triggered(l, seen))
				seen = seen[max(0, len(seen)-256):]
			} else {
				g.answering(l)
			}
			g.await(l, g.ice(l))
			if _, err := to.Write(chunk[:n]); err != nil {
				return
			}
		}
		if err != nil {
			if request {
				g.await(l, g.owed(l))
			}
			return
		}
	}
}

// owed is the answer to a late request that its sender did not wait for.
func (g *gate) owed(l *link) <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if l.late == nil {
		return nil
	}
	return l.late.answered
}

func (g *gate) ice(l *link) <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if l.stranded {
		return l.ended
	}
	if g.frozen == nil {
		return nil
	}
	return g.frozen
}

func (g *gate) triggered(l *link, seen []byte) <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.trigger == nil || !bytes.Contains(seen, g.trigger) {
		return nil
	}
	g.trigger, l.late = nil, g.catching
	if g.alone && g.frozen == nil {
		g.frozen = make(chan struct{})
	}
	close(l.late.reached)
	return l.late.released
}

// answering notes that the server has something to say. On the connection of a
// late request that is the answer to it: nothing else is under way.
func (g *gate) answering(l *link) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if l.late != nil {
		close(l.late.answered)
		l.late = nil
	}
}

// await waits for a channel, if there is one, or for the end of the link.
func (g *gate) await(l *link, ch <-chan struct{}) {
	if ch == nil {
		return
	}
	select {
	case <-ch:
	case <-l.ended:
	}
}

func (g *gate) String() string { return fmt.Sprintf("%s → %s", g.address(), g.target) }
