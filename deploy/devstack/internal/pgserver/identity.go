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

	owner int // of the files, when it is not the caller; 0: the caller
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

// own hands a directory and all in it to the identity.
func (id Identity) own(dir string) error {
	if id.owner == 0 {
		return nil
	}
	if blocked := notTraversable(dir); blocked != "" {
		return fmt.Errorf("PostgreSQL cannot run as root and %s; that user cannot enter %s: "+
			"give --data-dir a directory whose parents are open to all (such as /var/tmp/devstack), "+
			"or run as an ordinary user", id.Name, blocked)
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

// notTraversable returns the first parent of dir that others cannot enter.
func notTraversable(dir string) string {
	for parent := filepath.Dir(dir); parent != filepath.Dir(parent); parent = filepath.Dir(parent) {
		if info, err := os.Stat(parent); err == nil && info.Mode().Perm()&0o001 == 0 {
			return parent
		}
	}
	return ""
}
