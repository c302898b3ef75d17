package output

import (
	"fmt"

	"tenant-provisioning/internal/tenant"
)

// Upgraded is what an upgrade of contracts has done.
type Upgraded struct {
	// Contracts is how many were looked at, Present how many ran the present code.
	Contracts int                `json:"contracts"`
	Present   int                `json:"present"`
	Items     []UpgradedContract `json:"upgraded"`
}

// UpgradedContract is one that was upgraded.
type UpgradedContract struct {
	Tenant   tenant.ID `json:"tenantId"`
	Contract string    `json:"contractId"`
	// From is the hash of the code that it ran.
	From string `json:"from"`
}

// Text is a table, and what it comes to.
func (u Upgraded) Text() string {
	sum := fmt.Sprintf("%d upgraded, %d ran the present code, of %d\n", len(u.Items), u.Present, u.Contracts)
	if len(u.Items) == 0 {
		return sum
	}
	rows := make([][]string, len(u.Items))
	for i, c := range u.Items {
		rows[i] = []string{string(c.Tenant), c.Contract, c.From}
	}
	return Grid([]string{"TENANT", "CONTRACT", "RAN"}, rows) + "\n" + sum
}
