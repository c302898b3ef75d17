package output

import (
	"fmt"

	"tenant-provisioning/internal/tenant"
)

// Swept is what a change of contracts has done.
type Swept struct {
	// Contracts is how many were looked at, Present how many had the change already.
	Contracts int             `json:"contracts"`
	Present   int             `json:"present"`
	Items     []SweptContract `json:"changed"`
}

// SweptContract is one that was changed.
type SweptContract struct {
	Tenant   tenant.ID `json:"tenantId"`
	Contract string    `json:"contractId"`
	// From is what it had before: the hash of its code, or its administrator.
	From string `json:"from"`
}

// Upgraded is what an upgrade of contracts has done.
type Upgraded struct {
	Contracts int             `json:"contracts"`
	Present   int             `json:"present"`
	Items     []SweptContract `json:"upgraded"`
}

// Text is a table, and what it comes to.
func (u Upgraded) Text() string {
	return Swept(u).text("RAN", fmt.Sprintf("%d upgraded, %d ran the present code, of %d\n", len(u.Items), u.Present, u.Contracts))
}

// HandedOver is what a handing over of contracts has done.
type HandedOver struct {
	Contracts int             `json:"contracts"`
	Present   int             `json:"present"`
	Items     []SweptContract `json:"handedOver"`
}

// Text is a table, and what it comes to.
func (h HandedOver) Text() string {
	return Swept(h).text("ADMINISTRATOR BEFORE", fmt.Sprintf("%d handed over, %d had the present administrator, of %d\n", len(h.Items), h.Present, h.Contracts))
}

func (s Swept) text(before, sum string) string {
	if len(s.Items) == 0 {
		return sum
	}
	rows := make([][]string, len(s.Items))
	for i, c := range s.Items {
		rows[i] = []string{string(c.Tenant), c.Contract, c.From}
	}
	return Grid([]string{"TENANT", "CONTRACT", before}, rows) + "\n" + sum
}
