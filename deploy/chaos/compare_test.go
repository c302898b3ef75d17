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
	rollBack := func(answers [2]int) *story {
		return &story{operations: []string{first}, asked: []asked{{operation: first, action: tenant.ActionRollback, id: "id", answers: answers}}}
	}
	acceptedRollback, refusedRollback := entry{first, "rollback", "id", "accepted"}, entry{first, "rollback", "id", "refused"}
	overtaken := entry{first, "rollback", "", "refused"}
	anew := entry{second, "reprovision", "", "accepted"}
	again := rollBack(taken)
	again.operations = append(again.operations, second)
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
		"rolled back":                              {rollBack(taken), undone, log{acceptedRollback: 1}, ""},
		"rolled back, and nothing came of it":      {rollBack(taken), succeeded, log{acceptedRollback: 1}, "is SUCCEEDED"},
		"rolled back, overtaken by the activation": {rollBack(taken), succeeded, log{acceptedRollback: 1, overtaken: 1}, ""},
		"overtaken, and undone all the same":       {rollBack(taken), undone, log{acceptedRollback: 1, overtaken: 1}, "is ROLLED_BACK"},
		"rolled back, after a 503":                 {rollBack(taken), undone, log{acceptedRollback: 1, refusedRollback: 1}, ""},
		"rolled back, not audited":                 {rollBack(taken), undone, nil, "0 times as accepted, 0 as refused"},
		"rolled back, audited twice":               {rollBack(taken), undone, log{acceptedRollback: 2}, "2 times as accepted, 0 as refused"},
		"refused":                                  {rollBack(refused), succeeded, log{refusedRollback: 1}, ""},
		"refused, and done":                        {rollBack(refused), undone, log{refusedRollback: 1}, "is ROLLED_BACK"},
		"refused, audited as accepted too":         {rollBack(refused), succeeded, log{refusedRollback: 1, acceptedRollback: 1}, "1 times as accepted, 1 as refused"},
		"what nobody asked for":                    {alone, succeeded, log{acceptedRollback: 1}, "nobody asked for"},
		"taken, and refused by its run":            {rollBack(taken), succeeded, log{refusedRollback: 1}, ""},
		"taken, then refused by its run":           {rollBack(takenThenRefused), succeeded, log{refusedRollback: 1}, ""},
		"refused by its run, and done":             {rollBack(taken), undone, log{refusedRollback: 1}, "is ROLLED_BACK"},
		"taken and done, its repetition refused":   {rollBack(takenThenRefused), succeeded, log{acceptedRollback: 1, refusedRollback: 1}, "1 times as accepted, 1 as refused"},
		"refused, its repetition taken":            {rollBack([2]int{409, 202}), succeeded, log{refusedRollback: 1}, "answered with [409 202]"},
		"answered otherwise":                       {rollBack([2]int{403, 403}), succeeded, log{refusedRollback: 1}, "answered with [403 403]"},
		"stopped in time":                          {stopped, undone, nil, ""},
		"stopped too late":                         {stopped, succeeded, nil, ""},
		"anew":                                     {again, states{first: "ROLLED_BACK", second: "SUCCEEDED"}, log{acceptedRollback: 1, anew: 1}, ""},
		"anew, and failed again":                   {again, states{first: "ROLLED_BACK", second: "ROLLED_BACK"}, log{acceptedRollback: 1, anew: 1}, "operation 2 is ROLLED_BACK"},
		"anew, not audited":                        {again, states{first: "ROLLED_BACK", second: "SUCCEEDED"}, log{acceptedRollback: 1}, "0 times that it is provisioned anew"},
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
