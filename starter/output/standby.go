package output

import (
	"fmt"
	"strings"

	"tenant-provisioning/internal/tenant"
)

// Standbys is the stock of tenants that are made ahead.
type Standbys struct {
	Wanted    int `json:"wanted"`
	Ready     int `json:"ready"`
	Preparing int `json:"preparing"`
	Parked    int `json:"parked"`
	// Unfit counts those that are not handed out, by why.
	Unfit map[tenant.StandbyFault]int `json:"unfit"`
	// Waits tells why none is begun now; absent where nothing is in the way.
	Waits string `json:"waits,omitempty"`
}

// NewStandbys makes the document.
func NewStandbys(s tenant.StandbyStock) Standbys {
	d := Standbys{Wanted: s.Wanted, Ready: len(s.Ready), Preparing: s.Preparing, Parked: s.Parked, Unfit: map[tenant.StandbyFault]int{}}
	for fault, ids := range s.Unfit {
		d.Unfit[fault] = len(ids)
	}
	switch {
	case s.Held:
		d.Waits = "an incident, a read-only window, a lack of room (starter capacity) or a restored installation that is not live"
	case s.Requests:
		d.Waits = "operations that somebody waits for"
	}
	return d
}

// unfits say what is wrong with a standby that is not handed out.
var unfits = map[tenant.StandbyFault]string{
	tenant.StandbyRecord:   "not in the stock any more; a worker purges it",
	tenant.StandbySchema:   "without its schema; a worker purges it",
	tenant.StandbyContract: "with a contract of another code, administrator or network; a worker purges it",
	tenant.StandbyRent:     "with a contract that is archived, or soon will be; a worker purges it",
	tenant.StandbyFinding:  "of which the reconciler has found something wrong: starter reconcile says what; repair it, or starter standby empty",
	tenant.StandbyTemplate: "with a schema of another template; starter migrate tenants mends it, else a worker purges it an hour after its start",
}

// Text is a line for each state.
func (d Standbys) Text() string {
	rows := [][]string{
		{"wanted", fmt.Sprint(d.Wanted)}, {"ready", fmt.Sprint(d.Ready)}, {"preparing", fmt.Sprint(d.Preparing)},
	}
	var notes strings.Builder
	if d.Parked > 0 {
		fmt.Fprintf(&notes, "\n%d of those that are prepared wait for a person: starter list --attention\n", d.Parked)
	}
	for _, fault := range tenant.StandbyFaults() {
		if n := d.Unfit[fault]; n > 0 {
			fmt.Fprintf(&notes, "\n%d not handed out: %s\n", n, unfits[fault])
		}
	}
	if d.Waits != "" && d.Ready+d.Preparing < d.Wanted {
		fmt.Fprintf(&notes, "\nNone is begun while there is %s.\n", d.Waits)
	}
	return Grid([]string{"STANDBYS", "NUMBER"}, rows) + notes.String()
}
