package main

import (
	"errors"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/tenant"
)

func TestCompare(t *testing.T) {
	t.Parallel()
	const first, second = "1", "2"
	of := func(deeds ...*deed) *story { return &story{deeds: deeds} }
	provisioned := func(d deed) *deed {
		d.id, d.kind = first, tenant.KindProvision
		return &d
	}
	suspended := func(d deed) *deed {
		d.id, d.kind = second, tenant.KindSuspend
		return &d
	}
	invited := func(d deed) *deed {
		d.id, d.kind = second, tenant.KindInvite
		return &d
	}
	again, yielded := entry{second, "invite", "", "accepted"}, entry{second, "rollback", "", "accepted"}
	rollBack := func(answers [2]int) deed {
		return deed{asked: []asked{{action: tenant.ActionRollback, id: "id", answers: answers}}}
	}
	acceptedRollback, refusedRollback := entry{first, "rollback", "id", "accepted"}, entry{first, "rollback", "id", "refused"}
	overtaken := entry{first, "rollback", "id", "overtaken"}
	accepted := entry{second, "suspend", "", "accepted"}
	gaveWay := entry{first, "skip", "", "accepted"}
	alone := func() *deed { return provisioned(deed{}) }

	type ends = map[string]end
	type log = map[entry]int
	ending := func(states ...tenant.State) ends {
		e := ends{}
		for i, s := range states {
			e[[]string{first, second}[i]] = end{[]tenant.Kind{tenant.KindProvision, tenant.KindSuspend}[i], s}
		}
		return e
	}
	const succeeded, undone = tenant.StateSucceeded, tenant.StateRolledBack
	for name, c := range map[string]struct {
		story *story
		ends  ends
		log   log
		says  string // empty: it is as it must be
	}{
		"left alone":                               {of(alone()), ending(succeeded), nil, ""},
		"left alone and undone":                    {of(alone()), ending(undone), nil, "is ROLLED_BACK"},
		"left alone and open":                      {of(alone()), ending(tenant.StateNeedsAttention), nil, "is NEEDS_ATTENTION"},
		"of another kind":                          {of(alone()), ends{first: {tenant.KindSuspend, succeeded}}, nil, "operation 1 (suspend) is SUCCEEDED, expected provision"},
		"without an end":                           {&story{deeds: []*deed{alone()}, wrong: errors.New("no answer")}, ending(succeeded), nil, "no answer"},
		"rolled back":                              {of(provisioned(rollBack(taken))), ending(undone), log{acceptedRollback: 1}, ""},
		"rolled back, and nothing came of it":      {of(provisioned(rollBack(taken))), ending(succeeded), log{acceptedRollback: 1}, "is SUCCEEDED"},
		"rolled back, overtaken by the activation": {of(provisioned(rollBack(taken))), ending(succeeded), log{acceptedRollback: 1, overtaken: 1}, ""},
		"overtaken, and undone all the same":       {of(provisioned(rollBack(taken))), ending(undone), log{acceptedRollback: 1, overtaken: 1}, "is ROLLED_BACK"},
		"rolled back, after a 503":                 {of(provisioned(rollBack(taken))), ending(undone), log{acceptedRollback: 1, refusedRollback: 1}, ""},
		"rolled back, not audited":                 {of(provisioned(rollBack(taken))), ending(undone), nil, "0 times as accepted, 0 as refused"},
		"rolled back, audited twice":               {of(provisioned(rollBack(taken))), ending(undone), log{acceptedRollback: 2}, "2 times as accepted, 0 as refused"},
		"refused":                                  {of(provisioned(rollBack(refused))), ending(succeeded), log{refusedRollback: 1}, ""},
		"refused, and done":                        {of(provisioned(rollBack(refused))), ending(undone), log{refusedRollback: 1}, "is ROLLED_BACK"},
		"refused, audited as accepted too":         {of(provisioned(rollBack(refused))), ending(succeeded), log{refusedRollback: 1, acceptedRollback: 1}, "1 times as accepted, 1 as refused"},
		"what nobody asked for":                    {of(alone()), ending(succeeded), log{acceptedRollback: 1}, "nobody asked for"},
		"taken, and refused by its run":            {of(provisioned(rollBack(taken))), ending(succeeded), log{refusedRollback: 1}, ""},
		"taken, then refused by its run":           {of(provisioned(rollBack(takenThenRefused))), ending(succeeded), log{refusedRollback: 1}, ""},
		"refused by its run, and done":             {of(provisioned(rollBack(taken))), ending(undone), log{refusedRollback: 1}, "is ROLLED_BACK"},
		"taken and done, its repetition refused":   {of(provisioned(rollBack(takenThenRefused))), ending(succeeded), log{acceptedRollback: 1, refusedRollback: 1}, "1 times as accepted, 1 as refused"},
		"refused, its repetition taken":            {of(provisioned(rollBack([2]int{409, 202}))), ending(succeeded), log{refusedRollback: 1}, "answered with [409 202]"},
		"answered otherwise":                       {of(provisioned(rollBack([2]int{403, 403}))), ending(succeeded), log{refusedRollback: 1}, "answered with [403 403]"},
		"stopped in time":                          {of(provisioned(deed{stopped: true})), ending(undone), nil, ""},
		"stopped too late":                         {of(provisioned(deed{stopped: true})), ending(succeeded), nil, ""},
		"two operations":                           {of(alone(), suspended(deed{})), ending(succeeded, succeeded), log{accepted: 1}, ""},
		"the second one undone":                    {of(alone(), suspended(deed{})), ending(succeeded, undone), log{accepted: 1}, "operation 2 (suspend) is ROLLED_BACK"},
		"the second one not audited":               {of(alone(), suspended(deed{})), ending(succeeded, succeeded), nil, "0 times that the suspend of operation 2"},
		"the second one cancelled":                 {of(alone(), suspended(deed{stopped: true, fate: fate{event: cancelled}})), ending(succeeded, undone), log{accepted: 1}, ""},
		"terminated, it fails closed":              {of(alone(), suspended(deed{stopped: true, fate: fate{event: terminated}})), ending(succeeded, undone), log{accepted: 1}, "operation 2 (suspend) is ROLLED_BACK"},
		"terminated, it goes on":                   {of(alone(), suspended(deed{stopped: true, fate: fate{event: terminated}})), ending(succeeded, succeeded), log{accepted: 1}, ""},
		"the first one gave way":                   {of(provisioned(deed{left: true}), suspended(deed{})), ending(succeeded, succeeded), log{accepted: 1, gaveWay: 1}, ""},
		"it gave way, not audited":                 {of(provisioned(deed{left: true}), suspended(deed{})), ending(succeeded, succeeded), log{accepted: 1}, "0 times that the skip of operation 1"},
		"nobody left it, and it gave way":          {of(alone(), suspended(deed{})), ending(succeeded, succeeded), log{accepted: 1, gaveWay: 1}, "nobody asked for"},
		"an invitation that cannot be sent":        {of(alone(), invited(deed{})), ends{first: {tenant.KindProvision, succeeded}, second: {tenant.KindInvite, undone}}, log{again: 1}, ""},
		"an invitation gave way":                   {of(alone(), invited(deed{left: true})), ends{first: {tenant.KindProvision, succeeded}, second: {tenant.KindInvite, undone}}, log{again: 1, yielded: 1}, ""},
		"it gave way, as a skip":                   {of(alone(), invited(deed{left: true})), ends{first: {tenant.KindProvision, succeeded}, second: {tenant.KindInvite, undone}}, log{again: 1}, "0 times that the rollback of operation 2"},
		"an operation that nobody asked for":       {of(alone()), ending(succeeded, succeeded), nil, "1 operations were accepted, and there are 2"},
	} {
		wrong := compare([]*story{c.story}, c.ends, maps.Clone(c.log))
		if c.says == "" {
			require.Empty(t, wrong, name)
			continue
		}
		require.Len(t, wrong, 1, name)
		require.Contains(t, wrong[0], c.says, name)
	}
}
