package logging

import (
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxWaiting and maxWaitingBytes bound what waits for a disk that is slow: some
	// seconds of a busy process, in lines and bytes.
	maxWaiting      = 4096
	maxWaitingBytes = 8 << 20
	// lookEvery spaces the looks whether the folder is still there, and the attempts
	// while it is not.
	lookEvery = time.Second
	// tellEvery spaces what is said of a folder that cannot be written to.
	tellEvery = time.Minute
	// closeTimeout bounds how long the end of a process waits for the disk.
	closeTimeout = 2 * time.Second
)

// files writes lines into a folder of LOG_DIR. Whoever logs never waits for it: a
// disk that hangs keeps its goroutine, and lines are left out there.
type files struct {
	dir, process string
	// stderr is told what becomes of the files. It must not write to them.
	stderr *slog.Logger

	lines   chan line
	waiting atomic.Int64 // bytes in lines
	missed  atomic.Int64 // lines that are on standard error alone
	slow    atomic.Int64 // when it was last said that lines do not fit, Unix time in nanoseconds
	stop    func()
	stopped chan struct{} // closed when no more lines come
	ended   chan struct{} // closed when the files are

	// The goroutine's own.
	folder *folder
	looked time.Time    // when it was seen to be there, or not to work
	told   atomic.Int64 // when it was last said that it does not work
	said   bool         // so, and not yet that it does again
}

type line struct {
	text    []byte
	isError bool
}

func keepFiles(dir, process string, stderr *slog.Logger) *files {
	f := &files{
		dir: dir, process: process, stderr: stderr,
		lines: make(chan line, maxWaiting), stopped: make(chan struct{}), ended: make(chan struct{}),
	}
	f.stop = sync.OnceFunc(func() { close(f.stopped) })
	go f.run()
	return f
}

// offer leaves a line to be written, unless too many wait already.
func (f *files) offer(text []byte, isError bool) {
	size := int64(len(text))
	if f.waiting.Add(size) <= maxWaitingBytes {
		select {
		case f.lines <- line{slices.Clone(text), isError}:
			return
		default:
		}
	}
	f.waiting.Add(-size)
	f.missed.Add(1)
	if mayTell(&f.slow, time.Now()) {
		f.stderr.Warn("LOG_DIR is too slow, or hangs; lines are on standard error alone until it takes them", "dir", f.dir)
	}
}

// mayTell is true once in tellEvery; told is when it last was.
func mayTell(told *atomic.Int64, now time.Time) bool {
	last := told.Load()
	return now.Sub(time.Unix(0, last)) >= tellEvery && told.CompareAndSwap(last, now.UnixNano())
}

// Close writes what waits, as far as the disk takes it in time.
func (f *files) Close() error {
	f.stop()
	end := time.NewTimer(closeTimeout)
	defer end.Stop()
	select {
	case <-f.ended:
	case <-end.C:
		f.stderr.Warn("LOG_DIR takes no lines in time; the last ones are on standard error alone", "dir", f.dir)
	}
	return nil
}

func (f *files) run() {
	defer close(f.ended)
	f.open(time.Now())
	tend(f.dir, f.process, time.Now())
	midnight := time.NewTimer(untilMidnight(time.Now()))
	defer midnight.Stop()
	for {
		select {
		case l := <-f.lines:
			f.take(l)
		case <-midnight.C:
			f.nextDay(time.Now())
			midnight.Reset(untilMidnight(time.Now()))
		case <-f.stopped:
			f.finish()
			return
		}
	}
}

func untilMidnight(now time.Time) time.Duration { return dayOf(now).Add(24 * time.Hour).Sub(now) }

// finish writes the last lines.
func (f *files) finish() {
	for {
		select {
		case l := <-f.lines:
			f.take(l)
		default:
			if f.folder != nil {
				f.folder.release()
			}
			return
		}
	}
}

// take writes a line, or counts it as missed.
func (f *files) take(l line) {
	f.waiting.Add(-int64(len(l.text)))
	now := time.Now()
	if now.Sub(f.looked) >= lookEvery {
		f.look(now)
	}
	if f.folder == nil {
		f.missed.Add(1)
		return
	}
	if err := f.folder.write(l.text, l.isError); err != nil {
		f.missed.Add(1)
		f.failed(now, err)
		return
	}
	f.works(now)
}

// look replaces a folder that has vanished, and tries one that did not work again.
func (f *files) look(now time.Time) {
	f.looked = now
	if f.folder != nil && !f.folder.isThere() {
		f.folder.release()
		f.folder = nil
	}
	if f.folder == nil {
		f.open(now)
	}
}

func (f *files) open(now time.Time) {
	f.looked = now
	claimed, err := claim(f.dir, f.process)
	if err != nil {
		f.failed(now, err)
		return
	}
	f.folder = claimed
	if err := claimed.begin(now); err != nil {
		f.failed(now, err) // the next line tries again
	}
}

// nextDay begins new files, and deletes what has become old.
func (f *files) nextDay(now time.Time) {
	if f.folder != nil {
		f.folder.end()
		if err := f.folder.begin(now); err != nil {
			f.failed(now, err)
		}
	}
	tend(f.dir, f.process, now)
}

// failed says, once in a while, that lines are on standard error alone.
func (f *files) failed(now time.Time, err error) {
	if mayTell(&f.told, now) {
		f.said = true
		f.stderr.Warn("LOG_DIR cannot be written to; lines are on standard error alone until it can: free space there, or give this user the right to write",
			"dir", f.dir, "error", err)
	}
}

// works says that lines are in the files again, and how many are not.
func (f *files) works(now time.Time) {
	if f.said || f.missed.Load() > 0 && mayTell(&f.told, now) {
		f.said = false
		f.stderr.Info("LOG_DIR is written to again", "dir", f.dir, "linesOnStandardErrorAlone", f.missed.Swap(0))
	}
}
