package roster

import (
	"fmt"
	"strings"

	"tenant-provisioning/internal/tenant"
)

// column is a field of a row, by its name in a request to the API.
type column string

const (
	columnName           column = "name"
	columnAdminEmail     column = "adminEmail"
	columnAdminFirstName column = "adminFirstName"
	columnAdminLastName  column = "adminLastName"
	columnTier           column = "tier"
	columnRegion         column = "region"
	columnKey            column = "key"
)

var (
	required = []column{columnName, columnAdminEmail, columnAdminFirstName, columnAdminLastName}
	optional = []column{columnTier, columnRegion, columnKey}
)

// findColumn recognises a column as spreadsheets spell it: admin_email, Admin
// Email and ADMIN-EMAIL are adminEmail.
func findColumn(heading string) (column, bool) {
	plain := plainHeading(heading)
	for _, c := range append(append([]column{}, required...), optional...) {
		if plainHeading(string(c)) == plain {
			return c, true
		}
	}
	return "", false
}

func plainHeading(s string) string {
	return strings.NewReplacer(" ", "", "_", "", "-", "").Replace(tenant.NameKey(s))
}

func unknownColumn(heading string) string {
	return fmt.Sprintf("%q is not known here; a tenant has %s, and may have %s", heading, list(required), list(optional))
}

func list(columns []column) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = string(c)
	}
	return strings.Join(names, ", ")
}
