package token

import (
	"fmt"
	"slices"
	"strings"
)

// Role is what the bearer of a token may do. Each role may do everything that
// the ones before it may.
type Role string

const (
	// RoleViewer reads tenants, operations and their progress.
	RoleViewer Role = "viewer"
	// RoleOperator creates and changes tenants and acts on operations.
	RoleOperator Role = "operator"
	// RoleAdmin may also give up an undo that does not succeed, which leaves
	// something behind.
	RoleAdmin Role = "admin"
)

// Roles lists the roles, the least powerful first.
func Roles() []Role { return []Role{RoleViewer, RoleOperator, RoleAdmin} }

// ParseRole reads a role by its name.
func ParseRole(s string) (Role, error) {
	if r := Role(s); slices.Contains(Roles(), r) {
		return r, nil
	}
	return "", fmt.Errorf("there is no such role; the roles are %s", roleNames())
}

func roleNames() string {
	names := make([]string, len(Roles()))
	for i, r := range Roles() {
		names[i] = string(r)
	}
	return strings.Join(names, ", ")
}

// Includes reports whether r may do what needs the given role. A role that does
// not exist may do nothing.
func (r Role) Includes(needed Role) bool {
	have, need := slices.Index(Roles(), r), slices.Index(Roles(), needed)
	return need >= 0 && have >= need
}
