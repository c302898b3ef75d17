package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// room is how much a file system has left, in bytes.
type room struct{ free, total uint64 }

const (
	// littleRoom is what is gone in a day on which something goes wrong, noRoom
	// what is gone in minutes.
	littleRoom, noRoom = 2 << 30, 200 << 20
	// littleShare is the part, in percent, below which file systems get slow and
	// people get mails.
	littleShare = 10
)

func (r room) judge(whose, mend string) Verdict {
	says := fmt.Sprintf("%s has %s left of %s", whose, size(r.free), size(r.total))
	switch {
	case r.free < noRoom:
		return fail(says, mend)
	case r.free < littleRoom, r.free < r.total/100*littleShare && r.free < 10*littleRoom:
		return warn(says, mend)
	}
	return fine("%s", says)
}

// ExamineFolder looks at LOG_DIR; empty where there is none.
func ExamineFolder(dir string) Subject {
	return Subject{Name: "logs", Checks: []Check{{"folder", func(context.Context) Verdict { return judgeFolder(dir) }}}}
}

func judgeFolder(dir string) Verdict {
	if dir == "" {
		return fine("LOG_DIR is not set: logs go to standard error alone")
	}
	const mend = "make LOG_DIR a folder that the user of the processes may write to (chown, and a volume where the root file system is read-only)"
	at := dir
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		// The processes make it, as far as they may.
		if at, err = existing(dir); err != nil {
			return fail(fmt.Sprintf("LOG_DIR %s: %v", dir, err), mend)
		}
	case err != nil:
		return fail(fmt.Sprintf("LOG_DIR: %v", err), mend)
	case !info.IsDir():
		return fail(fmt.Sprintf("LOG_DIR %s is a file: nothing can be logged there", dir), mend)
	}
	if err := tryWriting(at); err != nil {
		return fail(fmt.Sprintf("LOG_DIR %s cannot be written to by this user: %v", dir, err), mend)
	}
	r, err := roomAt(at)
	if err != nil {
		return fine("LOG_DIR %s can be written to; its room cannot be measured (%v)", dir, err)
	}
	return r.judge(fmt.Sprintf("LOG_DIR %s can be written to; its disk", dir), "remove what is old there, or give LOG_DIR a disk of its own; logging goes on to standard error meanwhile")
}

// existing is the nearest folder above that is there.
func existing(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) || dir == filepath.Dir(dir) {
			return dir, err
		}
		dir = filepath.Dir(dir)
	}
}

func tryWriting(dir string) error {
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return err
	}
	_, err = f.WriteString("starter doctor was here\n")
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}
