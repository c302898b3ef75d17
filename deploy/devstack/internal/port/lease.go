package port

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// Host is the only interface that a stack listens on: it has no passwords worth
// the name.
const Host = "127.0.0.1"

// The range that free ports are taken from.
const (
	lowest  = 20000
	highest = 32000
)

// Leases holds ports until it is closed or the process ends.
type Leases struct {
	dir  string
	held []*os.File
}

// NewLeases keeps its lock files in a directory that all stacks of this user
// share.
func NewLeases() (*Leases, error) {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("devstack-ports-%d", os.Getuid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of port leases: %w", err)
	}
	return &Leases{dir: dir}, nil
}

// Address joins the loopback interface and a port.
func Address(port int) string { return net.JoinHostPort(Host, strconv.Itoa(port)) }

// Take leases count consecutive ports, starting at usual when these are free,
// otherwise anywhere. usual = 0 means anywhere. It returns the first port.
func (l *Leases) Take(usual, count int) (int, error) {
	if usual != 0 && l.take(usual, count) {
		return usual, nil
	}
	for range 500 {
		first := lowest + rand.IntN(highest-lowest-count)
		if l.take(first, count) {
			return first, nil
		}
	}
	return 0, fmt.Errorf("no %d free ports in a row between %d and %d: end programs that listen there", count, lowest, highest)
}

// Close gives all ports back.
func (l *Leases) Close() error {
	var errs []error
	for _, f := range l.held {
		errs = append(errs, f.Close()) // which unlocks it
	}
	l.held = nil
	return errors.Join(errs...)
}

func (l *Leases) take(first, count int) bool {
	var got []*os.File
	for p := first; p < first+count; p++ {
		f := l.lock(p)
		if f == nil {
			for _, g := range got {
				_ = g.Close() // only read-only descriptors: nothing can be lost
			}
			return false
		}
		got = append(got, f)
	}
	l.held = append(l.held, got...)
	return true
}

// lock returns nil when another stack holds the port or somebody listens on it.
func (l *Leases) lock(port int) *os.File {
	f, err := os.OpenFile(filepath.Join(l.dir, strconv.Itoa(port)), os.O_CREATE|os.O_RDONLY, 0o600)
	if err != nil {
		return nil
	}
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
		if listener, err := net.Listen("tcp", Address(port)); err == nil {
			_ = listener.Close() // it never accepted a connection
			return f
		}
	}
	_ = f.Close() // a read-only descriptor: nothing can be lost
	return nil
}
