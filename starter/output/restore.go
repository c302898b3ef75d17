package output

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"tenant-provisioning/internal/backup"
	"tenant-provisioning/internal/tenant"
)

// RestorePlan is what a restore of one tenant would do.
type RestorePlan struct {
	Tenant tenant.ID     `json:"tenantId"`
	Name   string        `json:"name"`
	Status tenant.Status `json:"status"`
	Schema string        `json:"schemaName"`
	Backup Backup        `json:"backup"`
	// Refused is why it would not be accepted.
	Refused []string `json:"refused"`
	// Does is what would happen, in order.
	Does []string `json:"does"`

	age time.Duration
}

// NewRestorePlan makes the plan as things are now.
func NewRestorePlan(t tenant.Tenant, r backup.Record, now time.Time) RestorePlan {
	p := RestorePlan{
		Tenant: t.ID, Name: t.Name, Status: t.Status, Schema: t.Schema, Backup: NewBackups([]backup.Record{r}).Items[0],
		Refused: []string{}, age: now.Sub(r.CreatedAt),
	}
	restore, _ := tenant.KindRestore.Lifecycle()
	if !restore.Accepts(t.Status) {
		p.Refused = append(p.Refused, "the tenant is "+string(t.Status)+": only one that is ACTIVE or SUSPENDED can be restored")
	}
	if r.Tenant != t.ID {
		p.Refused = append(p.Refused, "the backup is not of this tenant")
	}
	if r.State != backup.Good {
		p.Refused = append(p.Refused, "the backup is "+string(r.State)+", not GOOD")
	}
	if t.OpenOperation != nil {
		p.Refused = append(p.Refused, "an operation is open: "+openOperation(t.OpenOperation))
	}
	p.Does = []string{
		"fills and verifies a schema beside " + t.Schema + "; the tenant works on meanwhile",
		"ends access, puts it into the place of " + t.Schema + ", and leaves access as it is now (" + string(t.Status) + ")",
		fmt.Sprintf("keeps the schema of before for %s, where only operators reach it", tenant.KeptFor),
	}
	return p
}

// Text is a form and two lists.
func (p RestorePlan) Text() string {
	var b strings.Builder
	b.WriteString(form([]pair{
		{"tenant", p.Name}, {"id", string(p.Tenant)}, {"status", string(p.Status)}, {"schema", p.Schema},
		{"backup", string(p.Backup.ID)}, {"data of", moment(p.Backup.CreatedAt) + ", " + p.age.Round(time.Minute).String() + " ago; what was written since is not in it"},
		{"rows", strconv.FormatInt(p.Backup.Rows, 10)},
	}))
	for _, refusal := range p.Refused {
		b.WriteString("\nIt would be refused: " + refusal + ".")
	}
	if len(p.Refused) > 0 {
		b.WriteString("\n")
		return b.String()
	}
	b.WriteString("\nIt\n")
	for _, does := range p.Does {
		b.WriteString("  - " + does + "\n")
	}
	return b.String()
}
