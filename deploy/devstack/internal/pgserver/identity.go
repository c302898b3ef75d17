package pgserver

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Identity is whom PostgreSQL runs as.
type Identity struct {
	// Attr makes a child process run as that user; nil: as the caller.
	Attr *syscall.SysProcAttr
	// Name says it to people.
	Name string

	owner int // uid that the files must belong to, as seen from outside
}

// nobody is the user that Unix systems reserve for processes that own nothing.
const nobody = 65534

// asNobody is what is left to root where user namespaces are refused. Each
// parent of the directories that PostgreSQL reads must then be open to all.
func asNobody() Identity {
	return Identity{
		Attr:  &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}},
		Name:  "user nobody (this machine refuses user namespaces to root)",
		owner: nobody,
	}
}

// own hands a directory and all in it to the identity. Only root can, and has
// to: this machine's root may have been of another kind at the last start.
func (id Identity) own(dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	if blocked := notTraversable(dir); blocked != "" && id.owner == nobody {
		return fmt.Errorf("PostgreSQL cannot run as root and %s; that user cannot enter %s: "+
			"give --data-dir a directory whose parents are open to all (such as /var/tmp/devstack), "+
			"or run as an ordinary user", id.Name, blocked)
	}
	if allBelongTo(dir, id.owner) {
		return nil
	}
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, id.owner, id.owner)
	})
	if err != nil {
		return fmt.Errorf("hand %s to user %d: %w", dir, id.owner, err)
	}
	return nil
}

// allBelongTo looks at a directory and its entries; what is below an entry was
// made by the entry's owner.
func allBelongTo(dir string, uid int) bool {
	entries, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return false
	}
	for _, path := range append(entries, dir) {
		info, err := os.Lstat(path)
		if err != nil {
			return false
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); !ok || int(stat.Uid) != uid {
			return false
		}
	}
	return true
}

// notTraversable returns the first parent of dir that others cannot enter.
func notTraversable(dir string) string {
	for parent := filepath.Dir(dir); parent != filepath.Dir(parent); parent = filepath.Dir(parent) {
		if info, err := os.Stat(parent); err == nil && info.Mode().Perm()&0o001 == 0 {
			return parent
		}
	}
	return ""
}
