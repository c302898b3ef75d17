package tenant

import (
	"cmp"
	"fmt"
	"strings"
)

// Legacy is a tenant as a row of the application that this one replaces has it.
type Legacy struct {
	// ID tells the row from the others of its table.
	ID       string
	Name     string
	Schema   string
	Status   string
	Contract string
	// Administrator may lack the names: then they are those of its user.
	Administrator Administrator
}

// Import is where a tenant comes from that is not made but taken over with its data.
type Import struct {
	// From is the schema that has the table of tenants with its row, and SourceID is
	// that row.
	From     string
	SourceID string
	// Schema has the tenant's data, and stays its schema.
	Schema string
	// Contract is what the replaced application called its contract; it is on no ledger.
	Contract string
}

// Imported is what an imported tenant has that others have not.
type Imported struct {
	From string `json:"from"`
	// Administrator is the first administrator among the tenant's users; empty as long
	// as the schema is not adopted.
	Administrator string `json:"administrator"`
}

// AdministratorID is the id of the tenant's first administrator among its users.
func (t Tenant) AdministratorID() string {
	if t.Imported != nil && t.Imported.Administrator != "" {
		return t.Imported.Administrator
	}
	return t.ID.AdministratorID()
}

// ImportState is what an import does, or has done, about a row of the replaced
// application.
type ImportState string

const (
	// ImportReady is a row that can be imported.
	ImportReady ImportState = "READY"
	// ImportRefused is one that cannot, for reasons that stand beside it.
	ImportRefused ImportState = "REFUSED"
	// ImportLeft is one that is not in use there: it is left alone.
	ImportLeft ImportState = "LEFT"
	// ImportUnderWay is one that was accepted and is not at its end.
	ImportUnderWay ImportState = "UNDER_WAY"
	// ImportAgain is one whose import was rolled back: it is tried again.
	ImportAgain ImportState = "READY_AGAIN"
	// ImportDone is one that is a tenant of ours already.
	ImportDone ImportState = "IMPORTED"
)

// Goes reports whether an import does something about such a row.
func (s ImportState) Goes() bool {
	return s == ImportReady || s == ImportAgain || s == ImportUnderWay
}

// ImportRow is a row of the replaced application with what an import can do about it.
type ImportRow struct {
	Legacy
	State ImportState
	// Spec is the tenant that it becomes.
	Spec Spec
	// Tenant is the one that it became; nil for one that no import has accepted.
	Tenant *Tenant
	// Changes says what the import adds to the schema, and Refused why it cannot be
	// imported.
	Changes []string
	Refused []string
}

// Refuse notes a reason for which the row cannot be imported.
func (r *ImportRow) Refuse(format string, args ...any) {
	r.State = ImportRefused
	r.Refused = append(r.Refused, fmt.Sprintf(format, args...))
}

// legacyActive is the status of the tenants that the replaced application had in use.
const legacyActive = "active"

// JudgeImport says what can be done about each row by what the rows themselves say;
// rows that have a tenant already are judged by that. Whether its schema can be adopted
// is for the database to say.
func JudgeImport(rows []ImportRow) {
	names, schemas := map[string][]string{}, map[string][]string{}
	for i := range rows {
		r := &rows[i]
		if r.Tenant == nil && !r.inUse() {
			continue
		}
		names[NameKey(r.Name)] = append(names[NameKey(r.Name)], r.ID)
		schemas[r.Schema] = append(schemas[r.Schema], r.ID)
	}
	for i := range rows {
		r := &rows[i]
		if r.Tenant != nil {
			r.State = r.Tenant.importState()
			if r.Tenant.Status == StatusDeleted {
				r.Refuse("its tenant %s was imported and purged: remove the row", r.Tenant.ID)
			}
			continue
		}
		r.State = ImportReady
		if !r.inUse() {
			r.State, r.Refused = ImportLeft, []string{fmt.Sprintf("its status is %q: only rows that are %q are imported", r.Status, legacyActive)}
			continue
		}
		r.refuseTwins("name", names[NameKey(r.Name)])
		r.refuseTwins("schema", schemas[r.Schema])
		if r.Schema == "" {
			r.Refuse("it names no schema")
		}
	}
}

func (r *ImportRow) inUse() bool { return strings.EqualFold(strings.TrimSpace(r.Status), legacyActive) }

func (r *ImportRow) refuseTwins(what string, ids []string) {
	for _, id := range ids {
		if id != r.ID {
			r.Refuse("the row %s has the same %s: change one, or set the status of the one that is not in use", id, what)
		}
	}
}

// importState is where the import of a tenant is.
func (t Tenant) importState() ImportState {
	switch {
	case t.OpenOperation != nil && t.ActivatedAt.IsZero():
		return ImportUnderWay
	case t.Status == StatusFailed:
		return ImportAgain
	}
	return ImportDone
}

// Clean completes and checks the tenant that the row becomes; names that the row lacks
// are those of its administrator's user.
func (r *ImportRow) Clean(user Administrator) {
	spec := Spec{Name: r.Name, Administrator: r.Administrator}
	spec.Administrator.FirstName = cmp.Or(spec.Administrator.FirstName, user.FirstName)
	spec.Administrator.LastName = cmp.Or(spec.Administrator.LastName, user.LastName)
	clean, err := spec.Clean()
	if err != nil {
		r.Refuse("%s", err)
		return
	}
	r.Spec = clean
}
