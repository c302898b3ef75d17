package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	lockFile  = "lock"  // held by the supervisor alone; says its pid
	aliveFile = "alive" // held by the supervisor and all its child processes
	// lastRunLimit is how long child processes of a supervisor that was killed
	// may take to end; PostgreSQL writes a checkpoint first.
	lastRunLimit = 60 * time.Second
	lockPoll     = 50 * time.Millisecond
)

// dirLock keeps two stacks out of one directory.
type dirLock struct {
	lock  *os.File
	alive *os.File
}

// lockDir takes the directory. When the last supervisor was killed, it waits
// until that one's child processes are gone.
func lockDir(ctx context.Context, dir string, say func(string, ...any)) (*dirLock, error) {
	lock, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the lock of the data directory: %w", err)
	}
	if !tryLock(lock) {
		return nil, errors.Join(inUse(dir, lock), lock.Close())
	}
	if err := writeOwner(lock); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	alive, err := os.OpenFile(filepath.Join(dir, aliveFile), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the lock of the child processes: %w", err), lock.Close())
	}
	if err := awaitLastRun(ctx, alive, say); err != nil {
		return nil, errors.Join(err, alive.Close(), lock.Close())
	}
	return &dirLock{lock: lock, alive: alive}, nil
}

func (l *dirLock) release() error { return errors.Join(l.alive.Close(), l.lock.Close()) }

func inUse(dir string, lock *os.File) error {
	owner, err := io.ReadAll(io.NewSectionReader(lock, 0, 20))
	if err != nil {
		return fmt.Errorf("read who uses the data directory: %w", err)
	}
	return fmt.Errorf("another devstack (pid %s) uses %s: stop it, or give this one another --data-dir",
		strings.TrimSpace(string(owner)), dir)
}

func writeOwner(lock *os.File) error {
	if err := lock.Truncate(0); err != nil {
		return fmt.Errorf("write the lock of the data directory: %w", err)
	}
	if _, err := lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return fmt.Errorf("write the lock of the data directory: %w", err)
	}
	return nil
}

func awaitLastRun(ctx context.Context, alive *os.File, say func(string, ...any)) error {
	if tryLock(alive) {
		return nil
	}
	say("waiting for the servers of the last run to end")
	ctx, cancel := context.WithTimeout(ctx, lastRunLimit)
	defer cancel()
	tick := time.NewTicker(lockPoll)
	defer tick.Stop()
	for !tryLock(alive) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("servers of the last run still use the data directory (fuser %s shows them): %w", alive.Name(), context.Cause(ctx))
		case <-tick.C:
		}
	}
	return nil
}

func tryLock(f *os.File) bool {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}
