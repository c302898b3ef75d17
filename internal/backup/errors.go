package backup

import (
	"errors"
	"fmt"

	"tenant-provisioning/internal/tenant"
)

// Why a backup is refused. None of them passes by itself: the bytes in the store are
// not a backup that this installation made of this tenant, or the reader lacks what
// it takes.
var (
	// ErrNoManifest: nothing says what is in the archive. Its writer was killed, or
	// is still at it.
	ErrNoManifest = errors.New("the backup has no manifest: it was never completed")
	// ErrNoArchive: the manifest is there, and the archive is not.
	ErrNoArchive = errors.New("the backup's archive is gone")
	// ErrAltered: at least one byte is not what was written.
	ErrAltered = errors.New("the backup was altered")
	// ErrTruncated: the archive is shorter than it was.
	ErrTruncated = errors.New("the backup is truncated")
	// ErrOtherTenant: it is a backup of somebody else's data, or another backup.
	ErrOtherTenant = errors.New("the backup is another one, or of another tenant")
	// ErrOtherInstallation: another installation made it.
	ErrOtherInstallation = errors.New("the backup was made by another installation")
	// ErrUnknownSigner: no key of BACKUP_VERIFY_KEYS signed it.
	ErrUnknownSigner = errors.New("the backup was signed by a key that BACKUP_VERIFY_KEYS does not name")
	// ErrNewerFormat: a newer version of this program made it.
	ErrNewerFormat = errors.New("the backup was made by a newer version of this program; use that version")
	// ErrWrongKey: the archive is as it was written, and the key does not open it.
	ErrWrongKey = errors.New("the key does not open the backup; check that BACKUP_IDENTITY belongs to BACKUP_RECIPIENTS")
	// ErrNotEqual: what the store gives back is not what was sent to it.
	ErrNotEqual = errors.New("the store gives back something else than was sent to it")
	// ErrKeyDestroyed: the tenant is purged; nothing opens its backups any more.
	ErrKeyDestroyed = errors.New("the tenant's backup key was destroyed by its purge")
	// ErrLost: what was written is no backup, since its tenant was purged meanwhile or
	// another attempt has begun.
	ErrLost = errors.New("the backup is nobody's any more: its tenant was purged meanwhile, or another attempt has begun")
	// ErrNoKey: the store has no key of this tenant.
	ErrNoKey = errors.New("the store has no key of this tenant")
)

// refusals are the errors after which a repeat finds the same.
var refusals = []error{
	ErrNoManifest, ErrNoArchive, ErrAltered, ErrTruncated, ErrOtherTenant, ErrOtherInstallation, ErrUnknownSigner, ErrNewerFormat, ErrWrongKey, ErrNoKey,
}

// Refused tells that a backup is refused for what it is, and not because the store
// was away.
func Refused(err error) bool {
	for _, refusal := range refusals {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}

// Spoiled tells that a backup is refused for what it is, and not for the key of whoever
// tried to open it: nobody can restore it.
func Spoiled(err error) bool { return Refused(err) && !errors.Is(err, ErrWrongKey) }

// StoreError is a failure of the store, which says nothing of what is in it: it is
// away, full, or refuses us.
type StoreError struct {
	Doing string
	Err   error
}

func storeError(err error, doing string, args ...any) error {
	return &StoreError{fmt.Sprintf(doing, args...), err}
}

func (e *StoreError) Error() string { return e.Doing + ": " + e.Err.Error() }

func (e *StoreError) Unwrap() error { return e.Err }

// Explain says what a failure means to an operator. One of the store is everybody's:
// the next tenant would fail as well.
func Explain(err error) error {
	if _, told := errors.AsType[*tenant.StepError](err); told {
		return err
	}
	failed, ofStore := errors.AsType[*StoreError](err)
	switch {
	case Refused(err):
		return &tenant.StepError{Class: tenant.ClassConflict, Permanent: true, Alone: true, Err: err, Reason: refusal(err).Error()}
	case ofStore:
		return &tenant.StepError{
			Class: tenant.ClassCapacity, Err: err,
			Reason: "the backup store fails (" + failed.Doing + "): it is away, full or refuses us; check BACKUP_URL and its credentials. The worker's log has its words",
		}
	}
	return err
}

// refusal is the reason alone, without ids.
func refusal(err error) error {
	for _, r := range refusals {
		if errors.Is(err, r) {
			return r
		}
	}
	return err
}
