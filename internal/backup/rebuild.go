package backup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"filippo.io/age"

	"tenant-provisioning/internal/tenant"
)

// ErrNotEmpty is a database that an installation works on, or has.
var ErrNotEmpty = errors.New("the database is not empty: it has tenants, operations or an audit log; a whole installation is restored to an empty database alone")

// Stage is how far the restore of a whole installation is in a database; the zero value
// is one without control tables.
type Stage struct {
	Installation string
	// NotLive is "filling", "restored" or "clone"; empty where nothing was restored, or
	// it is live.
	NotLive string
	// From is the backup of the control tables that was restored, AsOf its moment.
	From ID
	AsOf *time.Time
	// Used tells that there are tenants, operations or an audit log.
	Used bool
}

// Lacking is a tenant whose schema is to be made.
type Lacking struct {
	Tenant     tenant.ID
	Generation int
}

// Settled counts what was under way when the backup was made.
type Settled struct {
	Mails        int64 `json:"mailsInDoubt"`
	Notices      int64 `json:"noticesDropped"`
	Invitations  int64 `json:"invitationsVoided"`
	Operations   int64 `json:"operationsOpen"`
	Transactions int64 `json:"transactionsOpen"`
}

// RebuildDatabase is the database that a whole installation is restored to.
type RebuildDatabase interface {
	Stage(ctx context.Context) (Stage, error)
	FillControl(ctx context.Context, m Manifest, archive *Reader) error
	Missing(ctx context.Context) ([]Lacking, error)
	FillTenant(ctx context.Context, m Manifest, archive *Reader, roles bool) error
	Adopt(ctx context.Context, all []Manifest) error
	Filled(ctx context.Context, clone, roles bool) error
	Bury(ctx context.Context, t Tombstone) (bool, error)
}

// Rebuilder restores a whole installation from a store. Interrupted, it goes on where it
// was: the control tables, and each tenant, are there whole or not at all.
type Rebuilder struct {
	Store    *Store
	Database RebuildDatabase
	// Operator opens the control tables' backups and tenants' keys (BACKUP_IDENTITY).
	Operator []age.Identity
	// From is the backup of the control tables; empty: the newest.
	From ID
	// Clone makes one that never goes live; without Roles no role of the server is made
	// or given anything.
	Clone, Roles bool
}

// Inventory is what the store has for a restore.
type Inventory struct {
	Control    Manifest
	Tombstones map[tenant.ID]Tombstone
	// Tenants are the backups of each, the newest first.
	Tenants map[tenant.ID][]Ref
	// Controls are all backups of the control tables.
	Controls []Ref
}

// Look reads what the store has, and changes nothing. The backup of the control tables is
// read whole when verify says so.
func (r *Rebuilder) Look(ctx context.Context, verify bool) (i Inventory, err error) {
	if i.Control, err = r.Store.control(ctx, r.From); err != nil {
		return i, fmt.Errorf("read the backup of the control tables: %w", err)
	}
	if verify {
		if _, err := r.Store.Verify(ctx, i.Control.Ref(), r.Operator); err != nil {
			return i, fmt.Errorf("verify backup %s of the control tables: %w", i.Control.ID, err)
		}
	}
	i.Tombstones, i.Tenants = map[tenant.ID]Tombstone{}, map[tenant.ID][]Ref{}
	for t, err := range r.Store.Tombstones(ctx, i.Control.Installation) {
		if err != nil {
			return i, err
		}
		i.Tombstones[t.Tenant] = t
	}
	for ref, err := range r.Store.List(ctx, i.Control.Installation, "") {
		if err != nil {
			return i, err
		}
		if ref.Tenant == "" {
			i.Controls = append(i.Controls, ref)
		} else {
			i.Tenants[ref.Tenant] = append(i.Tenants[ref.Tenant], ref)
		}
	}
	for _, refs := range i.Tenants {
		slices.SortFunc(refs, func(a, b Ref) int { return strings.Compare(string(b.ID), string(a.ID)) })
	}
	return i, nil
}

// control reads the manifest of a backup of the control tables, of whichever installation
// made it: its signature vouches for it.
func (s *Store) control(ctx context.Context, id ID) (Manifest, error) {
	if id == "" {
		for ref, err := range s.List(ctx, "", ListControl) {
			if err != nil {
				return Manifest{}, err
			}
			id = max(id, ref.ID)
		}
	}
	if id == "" {
		return Manifest{}, errors.New("the store has no backup of the control tables; check BACKUP_URL")
	}
	data, err := s.document(ctx, (Ref{ID: id}).dir()+"/"+manifestName)
	if absent(err) {
		return Manifest{}, ErrNoManifest
	}
	if err != nil {
		return Manifest{}, err
	}
	payload, err := s.ring.open(manifestType, data)
	if err != nil {
		return Manifest{}, err
	}
	var m Manifest
	if err := decode(payload, &m); err != nil {
		return Manifest{}, err
	}
	return m, checkOwner(Ref{ID: id, Installation: m.Installation}, m.Ref())
}

// Rebuilt is what a restore has made.
type Rebuilt struct {
	Control Manifest
	// Restored are the tenants that are there now, Purged those that were purged since,
	// Failed those that are not there, and why.
	Restored []Manifest
	Purged   []tenant.ID
	Failed   map[tenant.ID]string
}

// Restore makes the installation. A tenant of which no backup can be restored does not
// keep the others from it. report is told of each tenant that is done.
func (r *Rebuilder) Restore(ctx context.Context, report func(done, of int)) (out Rebuilt, err error) {
	i, err := r.Look(ctx, false)
	if err != nil {
		return out, err
	}
	out.Control, out.Failed = i.Control, map[tenant.ID]string{}
	if err := r.controlTables(ctx, i.Control); err != nil {
		return out, err
	}
	missing, err := r.Database.Missing(ctx)
	if err != nil {
		return out, err
	}
	for n, t := range missing {
		if _, purged := i.Tombstones[t.Tenant]; purged {
			out.Purged = append(out.Purged, t.Tenant)
			continue
		}
		made, err := r.tenant(ctx, i, t)
		if _, ofStore := errors.AsType[*StoreError](err); ofStore || ctx.Err() != nil || errors.Is(err, tenant.ErrUnavailable) {
			return out, err
		}
		if err != nil {
			out.Failed[t.Tenant] = err.Error()
		} else {
			out.Restored = append(out.Restored, made)
		}
		report(n+1, len(missing))
	}
	if err := r.adopt(ctx, i); err != nil {
		return out, err
	}
	return out, r.Database.Filled(ctx, r.Clone, r.Roles)
}

func (r *Rebuilder) controlTables(ctx context.Context, m Manifest) error {
	stage, err := r.Database.Stage(ctx)
	switch {
	case err != nil:
		return err
	case stage.NotLive != "" && stage.From != m.ID:
		return fmt.Errorf("the database has an installation that was restored from backup %s, and not from %s: go on with --backup %s, or take an empty database", stage.From, m.ID, stage.From)
	case stage.NotLive != "":
		return nil
	case stage.Used:
		return ErrNotEmpty
	}
	archive, err := r.Store.Open(ctx, m, r.Operator)
	if err != nil {
		return err
	}
	return r.Database.FillControl(ctx, m, archive)
}

// tenant restores the newest backup of a tenant's generation that is as it was written.
func (r *Rebuilder) tenant(ctx context.Context, i Inventory, t Lacking) (made Manifest, err error) {
	identities, err := r.Store.identities(ctx, i.Control.Installation, t.Tenant, r.Operator)
	if err != nil {
		return made, err
	}
	var refusals []error
	for _, ref := range i.Tenants[t.Tenant] {
		made, err = r.fill(ctx, ref, t, identities)
		if err == nil {
			return made, nil
		}
		refusals = append(refusals, fmt.Errorf("backup %s: %w", ref.ID, err))
		if !Refused(err) && !errors.Is(err, errOtherGeneration) {
			break
		}
	}
	if len(refusals) == 0 {
		return Manifest{}, errors.New("the store has no backup of it")
	}
	return Manifest{}, errors.Join(refusals...)
}

var errOtherGeneration = errors.New("it is of another generation of the tenant than the control tables have")

func (r *Rebuilder) fill(ctx context.Context, ref Ref, t Lacking, identities []age.Identity) (Manifest, error) {
	m, err := r.Store.Manifest(ctx, ref)
	if err != nil {
		return m, err
	}
	if m.Source.Generation != t.Generation {
		return m, errOtherGeneration
	}
	archive, err := r.Store.Open(ctx, m, identities)
	if err != nil {
		return m, err
	}
	return m, r.Database.FillTenant(ctx, m, archive, r.Roles)
}

// adopt has the database know the backups of the store. One that is refused is not known,
// and so never deleted.
func (r *Rebuilder) adopt(ctx context.Context, i Inventory) error {
	var all []Manifest
	refs := slices.Clone(i.Controls)
	for _, of := range i.Tenants {
		refs = append(refs, of...)
	}
	for _, ref := range refs {
		m, err := r.Store.Manifest(ctx, ref)
		if Refused(err) {
			continue
		}
		if err != nil {
			return err
		}
		all = append(all, m)
	}
	return r.Database.Adopt(ctx, all)
}

// Bury has every tenant be deleted that was purged after the backup, and names them.
func (r *Rebuilder) Bury(ctx context.Context, installation string) (buried []tenant.ID, err error) {
	for t, err := range r.Store.Tombstones(ctx, installation) {
		if err != nil {
			return buried, err
		}
		done, err := r.Database.Bury(ctx, t)
		if err != nil {
			return buried, err
		}
		if done {
			buried = append(buried, t.Tenant)
		}
	}
	return buried, nil
}
