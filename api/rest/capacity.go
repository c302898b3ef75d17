package rest

import (
	"context"
	"net/http"
	"time"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/internal/token"
)

// Capacities tells what adding tenants uses up. *operations.Service does.
type Capacities interface {
	Capacity(ctx context.Context) ([]tenant.Capacity, error)
}

// Capacity is how it stands with something that adding tenants uses up.
type Capacity struct {
	Resource   tenant.Resource `json:"resource" doc:"What it is. Disk is in bytes, the balance in stroops, of which 10,000,000 are 1 XLM."`
	Used       int64           `json:"used" doc:"How much is used; of the balance what was ever paid. 0 where readAt is absent." example:"96636764160"`
	Bound      *int64          `json:"bound,omitempty" doc:"What it can come to; absent where nobody has said, so that it is not judged." example:"107374182400"`
	Left       *int64          `json:"left,omitempty" doc:"How much of that is left; of the balance beyond what the transactions need that may be under way at a time." example:"10737418240"`
	PerDay     *float64        `json:"perDay,omitempty" doc:"By how much more is used each day, by the readings of the last two weeks; absent while they are of less than a day." example:"1073741824"`
	DaysLeft   *float64        `json:"daysLeft,omitempty" doc:"For how many days there is room until provisioning waits; absent where that is not known, or nothing grows." example:"9.5"`
	ReadAt     time.Time       `json:"readAt,omitzero" required:"false" doc:"When a worker last read it: every ten minutes, and every minute while anything is short; absent where none has."`
	Stale      bool            `json:"stale" doc:"Whether nobody has read it for half an hour."`
	WaitsSince time.Time       `json:"waitsSince,omitzero" required:"false" doc:"Since when provisioning waits for it; absent while there is room."`
	Why        string          `json:"why,omitempty" doc:"Why it waits, as it was when that began." example:"the databases and their write-ahead log take 90.0 GiB of 100.0 GiB (DB_DISK_BYTES)"`
}

func viewCapacity(c tenant.Capacity) Capacity {
	v := Capacity{
		Resource: c.Resource, Used: c.Used, Bound: c.Bound, PerDay: c.Growth, ReadAt: c.ReadAt.UTC(), Stale: !c.Known(), WaitsSince: c.ShortSince.UTC(), Why: c.Why,
	}
	if c.Bound != nil {
		left := c.Left()
		v.Left = &left
	}
	if days, known := c.DaysLeft(); known {
		v.DaysLeft = &days
	}
	return v
}

// CapacityList is all of them.
type CapacityList struct {
	Items []Capacity `json:"items" nullable:"false" doc:"One for each resource."`
}

type capacityOutput struct{ Body CapacityList }

func (s *Server) registerCapacity() {
	register(s, endpoint{
		id: "list-capacity", method: http.MethodGet, path: "/v1/capacity", tag: tagService, role: token.RoleOperator,
		summary:     "Read the capacity",
		description: "What tenants take of disk, connections, locks and the balance on the ledger, and for how many days there is room. While anything is short new tenants wait, and go on by themselves when there is room.",
	}, func(ctx context.Context, _ *struct{}) (*capacityOutput, error) {
		all, err := s.capacities.Capacity(ctx)
		if err != nil {
			return nil, err
		}
		out := &capacityOutput{Body: CapacityList{Items: make([]Capacity, len(all))}}
		for n, c := range all {
			out.Body.Items[n] = viewCapacity(c)
		}
		return out, nil
	})
}
