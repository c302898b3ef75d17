package backup

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"tenant-provisioning/internal/tenant"
)

// Format is the version of the archive and its manifest. A reader refuses newer ones.
const Format = 1

// Retention is how long a backup is kept, if there is a newer good one.
const Retention = 30 * 24 * time.Hour

// ID names one backup: of one tenant, or of the control tables.
type ID string

// NewID makes one. They sort by when they were made.
func NewID() (ID, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("make a backup id: %w", err)
	}
	return ID(id.String()), nil
}

// ParseID reads one in its usual form alone: it becomes part of a path.
func ParseID(s string) (ID, error) {
	id, err := uuid.Parse(s)
	if err != nil || id.String() != s {
		return "", fmt.Errorf("%q is no backup id; starter backup list prints them", s)
	}
	return ID(s), nil
}

// Ref says which backup is meant.
type Ref struct {
	ID ID
	// Installation is the id of the one that made it.
	Installation string
	// Tenant is empty for the control tables.
	Tenant tenant.ID
}

// Manifest says what a backup holds. It is stored in clear, so it names no person
// and no tenant but by id.
type Manifest struct {
	Format       int       `json:"format"`
	ID           ID        `json:"id"`
	Installation string    `json:"installation"`
	Tenant       tenant.ID `json:"tenantId,omitempty"`
	// TakenAt is the moment whose state the backup holds.
	TakenAt time.Time `json:"takenAt"`
	// Source is where the data came from.
	Source Source `json:"source"`
	// Archive is the file as the store holds it.
	Archive Archive `json:"archive"`
	// Tables stand in the order in which the archive holds them.
	Tables    []Table    `json:"tables"`
	Sequences []Sequence `json:"sequences,omitempty"`
}

// Ref is the one that names this backup.
func (m *Manifest) Ref() Ref { return Ref{m.ID, m.Installation, m.Tenant} }

// Rows counts those of all tables.
func (m *Manifest) Rows() (n int64) {
	for i := range m.Tables {
		n += m.Tables[i].Rows
	}
	return n
}

// Source describes the schema that was read.
type Source struct {
	Schema string `json:"schema"`
	// Version is that of the tenant's template; of the control tables, that of their
	// migrations.
	Version    int64  `json:"version"`
	Generation int    `json:"generation,omitempty"`
	ContractID string `json:"contractId,omitempty"`
	Status     string `json:"status,omitempty"`
	// Server is PostgreSQL's server_version_num.
	Server int `json:"server"`
}

// Archive is the encrypted file.
type Archive struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Table is one table's rows, as COPY writes them in text form.
type Table struct {
	Name string `json:"name"`
	// Columns are those that the rows hold, in order: generated ones are left out.
	Columns []string `json:"columns"`
	Rows    int64    `json:"rows"`
	Bytes   int64    `json:"bytes"`
	// Checksum is that of the rows, whatever their order (rows.go).
	Checksum string `json:"checksum"`
	// Definition is what the table's columns are like, where the template of the
	// version makes no table like it.
	Definition []Column `json:"definition,omitempty"`
}

// Column is one column's definition, in PostgreSQL's words.
type Column struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	NotNull bool   `json:"notNull,omitempty"`
	// Default is its expression; of a generated column, what it is generated from.
	Default   string `json:"default,omitempty"`
	Generated bool   `json:"generated,omitempty"`
	// Identity is "a" for GENERATED ALWAYS, "d" for BY DEFAULT.
	Identity  string `json:"identity,omitempty"`
	Collation string `json:"collation,omitempty"`
}

// Sequence is where a sequence stands.
type Sequence struct {
	Name string `json:"name"`
	Last int64  `json:"last"`
	// Called tells that Last was given out: the next one is another.
	Called bool `json:"called"`
}

const manifestType = "application/vnd.tenant-provisioning.backup+json"

// readManifest returns a manifest that is signed by a key that counts, and is the
// one that was asked for.
func readManifest(k Keyring, want Ref, data []byte) (Manifest, error) {
	payload, err := k.open(manifestType, data)
	if err != nil {
		return Manifest{}, err
	}
	var m Manifest
	if err := decode(payload, &m); err != nil {
		return Manifest{}, err
	}
	return m, checkOwner(want, m.Ref())
}

// decode reads what was signed. The format is judged first: a newer one may have
// fields of other types.
func decode(payload []byte, v any) error {
	var version struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(payload, &version); err != nil {
		return fmt.Errorf("%w: %w", ErrAltered, err)
	}
	if version.Format > Format {
		return fmt.Errorf("%w: its format is %d, this program reads up to %d", ErrNewerFormat, version.Format, Format)
	}
	if err := json.Unmarshal(payload, v); err != nil {
		return fmt.Errorf("%w: %w", ErrAltered, err)
	}
	return nil
}

func checkOwner(want, got Ref) error {
	switch {
	case want.Installation != got.Installation:
		return fmt.Errorf("%w: %s", ErrOtherInstallation, got.Installation)
	case want.Tenant != got.Tenant:
		return fmt.Errorf("%w: %s", ErrOtherTenant, got.Tenant)
	case want.ID != got.ID:
		return fmt.Errorf("%w: %s", ErrOtherTenant, got.ID)
	}
	return nil
}
