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
	const first, second = "operation 1", "operation 2"
	action := func(a tenant.Action, accepted bool) asked {
		return asked{operation: first, action: a, id: "id", accepted: accepted}
	}
	acceptedRollback, refusedRollback := entry{first, "rollback", "id", "accepted"}, entry{first, "rollback", "id", "refused"}
	overtaken := entry{first, "rollback", "", "refused"}
	anew := entry{second, "reprovision", "", "accepted"}
	rolledBack := &story{operations: []string{first}, asked: []asked{action(tenant.ActionRollback, true)}}
	refused := &story{operations: []string{first}, asked: []asked{action(tenant.ActionRollback, false)}}
	again := &story{operations: []string{first, second}, asked: rolledBack.asked}
	stopped := &story{operations: []string{first}, stopped: true}
	alone := &story{operations: []string{first}}

	type states = map[string]tenant.State
	type log = map[entry]int
	succeeded, undone := states{first: "SUCCEEDED"}, states{first: "ROLLED_BACK"}
	for name, c := range map[string]struct {
		story  *story
		states states
		log    log
		says   string // empty: it is as it must be
	}{
		"left alone":                               {alone, succeeded, nil, ""},
		"left alone and undone":                    {alone, undone, nil, "operation 1 is ROLLED_BACK"},
		"left alone and open":                      {alone, states{first: "NEEDS_ATTENTION"}, nil, "is NEEDS_ATTENTION"},
		"without an end":                           {&story{operations: []string{first}, wrong: errors.New("no answer")}, succeeded, nil, "no answer"},
		"rolled back":                              {rolledBack, undone, log{acceptedRollback: 1}, ""},
		"rolled back, and nothing came of it":      {rolledBack, succeeded, log{acceptedRollback: 1}, "is SUCCEEDED"},
		"rolled back, overtaken by the activation": {rolledBack, succeeded, log{acceptedRollback: 1, overtaken: 1}, ""},
		"overtaken, and undone all the same":       {rolledBack, undone, log{acceptedRollback: 1, overtaken: 1}, "is ROLLED_BACK"},
		"rolled back, not audited":                 {rolledBack, undone, nil, "0 times instead of once"},
		"rolled back, audited twice":               {rolledBack, undone, log{acceptedRollback: 2}, "2 times instead of once"},
		"refused":                                  {refused, succeeded, log{refusedRollback: 1}, ""},
		"refused, and done":                        {refused, undone, log{refusedRollback: 1}, "is ROLLED_BACK"},
		"refused, audited as accepted too":         {refused, succeeded, log{refusedRollback: 1, acceptedRollback: 1}, "nobody asked for"},
		"what nobody asked for":                    {alone, succeeded, log{acceptedRollback: 1}, "nobody asked for"},
		"stopped in time":                          {stopped, undone, nil, ""},
		"stopped too late":                         {stopped, succeeded, nil, ""},
		"anew":                                     {again, states{first: "ROLLED_BACK", second: "SUCCEEDED"}, log{acceptedRollback: 1, anew: 1}, ""},
		"anew, and failed again":                   {again, states{first: "ROLLED_BACK", second: "ROLLED_BACK"}, log{acceptedRollback: 1, anew: 1}, "operation 2 is ROLLED_BACK"},
		"anew, not audited":                        {again, states{first: "ROLLED_BACK", second: "SUCCEEDED"}, log{acceptedRollback: 1}, "reprovision"},
		"an operation that nobody asked for":       {alone, states{first: "SUCCEEDED", second: "SUCCEEDED"}, nil, "1 operations were accepted, and there are 2"},
	} {
		wrong := compare([]*story{c.story}, c.states, maps.Clone(c.log))
		if c.says == "" {
			require.Empty(t, wrong, name)
			continue
		}
		require.Len(t, wrong, 1, name)
		require.Contains(t, wrong[0], c.says, name)
	}
}
