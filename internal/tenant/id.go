package tenant

import (
	"fmt"

	"github.com/google/uuid"
)

// ID identifies a tenant: a UUIDv7 in its canonical lower-case form.
type ID string

// OperationID identifies an operation: a UUIDv7 in its canonical lower-case
// form.
type OperationID string

// NewID makes a tenant id. Its leading digits are the clock, its last ones are
// random; only the last ones may serve to tell tenants apart.
func NewID() (ID, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("make a tenant id: %w", err)
	}
	return ID(id.String()), nil
}

// NewOperationID makes an operation id.
func NewOperationID() (OperationID, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("make an operation id: %w", err)
	}
	return OperationID(id.String()), nil
}

// ParseID reads a tenant id. Only the canonical form is accepted, so that one
// tenant has one spelling in logs, workflow ids and URLs.
func ParseID(s string) (ID, error) {
	if err := canonicalUUID(s); err != nil {
		return "", &InvalidError{Fields: []FieldError{{Field: "id", Message: "a tenant id is a UUID in lower case, such as 01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11"}}}
	}
	return ID(s), nil
}

// ParseOperationID reads an operation id, in its canonical form only.
func ParseOperationID(s string) (OperationID, error) {
	if err := canonicalUUID(s); err != nil {
		return "", &InvalidError{Fields: []FieldError{{Field: "id", Message: "an operation id is a UUID in lower case, such as 01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11"}}}
	}
	return OperationID(s), nil
}

// ReadID reads a tenant id as people and programs spell UUIDs: in capitals too,
// in braces, as a URN, or without hyphens.
func ReadID(s string) (ID, error) { return ParseID(canonical(s)) }

// ReadOperationID reads an operation id in any of these spellings.
func ReadOperationID(s string) (OperationID, error) { return ParseOperationID(canonical(s)) }

// canonical gives a UUID in its canonical form, and any other text as it is.
func canonical(s string) string {
	id, err := uuid.Parse(s)
	// In place of braces the library takes any two characters.
	if err != nil || len(s) == len("{}")+len(id.String()) && (s[0] != '{' || s[len(s)-1] != '}') {
		return s
	}
	return id.String()
}

func canonicalUUID(s string) error {
	id, err := uuid.Parse(s)
	if err != nil {
		return err
	}
	if id.String() != s {
		return fmt.Errorf("%q is not in canonical form", s)
	}
	return nil
}

// AdministratorID is the id of the tenant's first user. It follows from the
// tenant's id, so that a repeated step finds the same user.
func (id ID) AdministratorID() string {
	return uuid.NewSHA1(uuid.MustParse(string(id)), []byte("administrator")).String()
}
