package tenant

import (
	"log/slog"
	"time"
)

// Tenant is one hospital or practice of the platform.
type Tenant struct {
	ID   ID
	Name string
	Slug string
	// Schema and Role are the names of the tenant's PostgreSQL schema and
	// role. They are decided once, when the tenant is accepted.
	Schema string
	Role   string
	// AppLogin is the login that the platform's application uses for this
	// tenant. It is a member of at most 500 tenant roles.
	AppLogin string
	Status   Status
	// Generation counts provisionings from 1. It is part of every key of an
	// outside effect, so that a later provisioning never meets the remains of
	// an earlier one.
	Generation int
	// ContractID is the address (C…) of the tenant's contract; empty until it
	// is deployed.
	ContractID string
	// Administrator is empty once the tenant is purged.
	Administrator Administrator
	Tier          string
	Region        string
	// FailureReason says in plain words why the tenant is FAILED; otherwise
	// it is empty.
	FailureReason string
	CreatedAt     time.Time
	UpdatedAt     time.Time
	// ActivatedAt is when the tenant first became ACTIVE; zero if never. Data
	// of a tenant that was ever active is never dropped by a failure.
	ActivatedAt time.Time
	// PurgeAfter is from when on the data of an archived tenant may be removed for
	// good; zero of any other.
	PurgeAfter time.Time
	// ArchivedFrom is the status to which an archived tenant returns; empty of any
	// other.
	ArchivedFrom Status
	// LegalHold keeps the tenant from being purged; nil when nobody has set one.
	LegalHold *LegalHold
	// Imported is nil for a tenant that we have made.
	Imported *Imported
	// OpenOperation is the operation that has not ended; nil when there is none.
	OpenOperation *OpenOperation
	// Version counts changes of the row; it is the tenant's ETag.
	Version int64
}

// LogValue is how slog shows a tenant: its name, too, may be a person's.
func (t Tenant) LogValue() slog.Value { return slog.StringValue(string(t.ID)) }

// OpenOperation is as much of a tenant's open operation as tells what is going on.
type OpenOperation struct {
	ID    OperationID `json:"id"`
	Kind  Kind        `json:"kind"`
	State State       `json:"state"`
}

// Spec is what somebody asks for: a tenant to be created.
type Spec struct {
	Name          string
	Administrator Administrator
	Tier          string
	Region        string
}

// Defaults of the fields that may be left out.
const (
	DefaultTier   = "standard"
	DefaultRegion = "default"
)

// Clean trims and checks everything at once. The error, if any, is an
// *InvalidError with all the wrong fields.
func (s Spec) Clean() (Spec, error) {
	var errs []FieldError
	name, bad := CleanName(s.Name)
	if bad != nil {
		errs = append(errs, *bad)
	}
	s.Name = name
	admin, adminErrs := s.Administrator.Clean()
	s.Administrator = admin
	errs = append(errs, adminErrs...)
	if s.Tier == "" {
		s.Tier = DefaultTier
	}
	if s.Region == "" {
		s.Region = DefaultRegion
	}
	for _, f := range []struct{ field, value string }{{"tier", s.Tier}, {"region", s.Region}} {
		if !isLabel(f.value) {
			errs = append(errs, FieldError{Field: f.field, Message: "must be 1 to 40 lower-case letters, digits and hyphens"})
		}
	}
	if len(errs) > 0 {
		return Spec{}, &InvalidError{Fields: errs}
	}
	return s, nil
}

func isLabel(s string) bool {
	if s == "" || len(s) > 40 {
		return false
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return false
		}
	}
	return true
}
