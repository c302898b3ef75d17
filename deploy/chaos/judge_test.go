package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/tenant"
)

// history is a tenant that went through kinds, each done in order, as it must be
// then; and what the mail catcher has of it.
func history(t *testing.T, kinds ...tenant.Kind) (found, map[string]int) {
	t.Helper()
	f, caught := found{ID: "tenant"}, map[string]int{}
	for _, k := range kinds {
		f, caught = after(t, f, caught, k, tenant.StateSucceeded)
	}
	return f, caught
}

// after is a tenant once it went through one more operation.
func after(t *testing.T, f found, caught map[string]int, k tenant.Kind, state tenant.State) (found, map[string]int) {
	t.Helper()
	l, known := k.Lifecycle()
	require.True(t, known, k)
	o := past{log: map[tenant.Step]map[tenant.StepStatus]int{}}
	o.ID, o.Kind, o.State, o.PivotPassed = tenant.OperationID(fmt.Sprint(len(f.operations)+1)), k, state, state == tenant.StateSucceeded
	o.FromStatus, o.ToStatus = f.Status, l.Reaches
	if o.ToStatus == "" {
		o.ToStatus = cameFrom(f.operations, f.Status)
	}
	if l.Anew {
		f.Generation++
	}
	o.Generation = f.Generation
	for _, step := range o.Lifecycle().Steps() {
		if i := l.StageOf(step); state == tenant.StateRolledBack && i >= 0 && (l.Stages[i].Pivot || i >= l.AfterPivot()) {
			continue
		} else if state == tenant.StateRolledBack && i >= 0 && step.Template() == "" { // a mail is not called back
			o.log[step] = map[tenant.StepStatus]int{tenant.StepCompleted: 1, tenant.StepRolledBack: 1}
			continue
		}
		o.log[step] = map[tenant.StepStatus]int{tenant.StepCompleted: 1}
		if step.Template() != "" {
			m := mail{id: string(o.ID) + step.Template(), template: step.Template(), state: tenant.EmailSent}
			o.mails, caught[m.id] = append(o.mails, m), 1
		}
	}
	f.operations = append(f.operations, o)
	f.Status = o.Leaves()
	f.Schemas, f.Roles, f.Owned, f.Users, f.Deployed, f.Access, f.Contract = 0, 0, 0, 0, 0, 0, ""
	if f.Status.Contract() != tenant.ContractTerminated {
		f.Schemas, f.Roles, f.Owned, f.Users, f.Deployed, f.Contract = 1, 1, 1, 1, 1, "C1"
	}
	if f.Status.Contract() == tenant.ContractActive {
		f.Access = 1
	}
	return f, caught
}

// walks are ways through the table of kinds that take each row, and each status that
// it accepts, at least once.
func walks(t *testing.T) map[string][]tenant.Kind {
	t.Helper()
	all := map[string][]tenant.Kind{"provision": {tenant.KindProvision}}
	for grew := true; grew; {
		grew = false
		for _, way := range all {
			at, _ := history(t, way...)
			for _, l := range tenant.Lifecycles() {
				name := fmt.Sprintf("%s of %s", l.Kind, at.Status)
				if _, there := all[name]; !there && l.Accepts(at.Status) {
					all[name] = append(append([]tenant.Kind{}, way...), l.Kind)
					grew = true
				}
			}
		}
	}
	return all
}

// TestEveryKindIsJudged by its row: done, and taken back.
func TestEveryKindIsJudged(t *testing.T) {
	t.Parallel()
	seen := map[tenant.Kind]bool{}
	for name, way := range walks(t) {
		last := way[len(way)-1]
		seen[last] = true
		f, caught := history(t, way...)
		require.Empty(t, judge(f, caught), name)

		before, sent := history(t, way[:len(way)-1]...)
		f, caught = after(t, before, sent, last, tenant.StateRolledBack)
		require.Empty(t, judge(f, caught), "%s, rolled back", name)

		for _, status := range tenant.Statuses() { // no other status passes
			if status == f.Status {
				continue
			}
			require.NotEmpty(t, judge(with(f, func(f *found) { f.Status = status }), caught), "%s, rolled back, %s", name, status)
		}
	}
	require.Len(t, seen, len(tenant.Kinds()))
}

func TestJudge(t *testing.T) {
	t.Parallel()
	const provision, suspend, resume, archive, undelete = tenant.KindProvision, tenant.KindSuspend, tenant.KindResume, tenant.KindArchive, tenant.KindUndelete
	newest := func(change func(*past)) func(*found) {
		return func(f *found) { change(&f.operations[len(f.operations)-1]) }
	}
	logs := func(step tenant.Step, log map[tenant.StepStatus]int) func(*found) {
		return newest(func(o *past) { o.log[step] = log })
	}
	mails := func(step tenant.Step, state tenant.EmailState, log tenant.StepStatus) func(*found) {
		return newest(func(o *past) { o.log[step], o.mails[0].state = map[tenant.StepStatus]int{log: 1}, state })
	}
	skipped := map[tenant.StepStatus]int{tenant.StepSkipped: 1}
	for name, c := range map[string]struct {
		kinds  []tenant.Kind
		undone bool // the last one
		change func(*found)
		mails  int    // of the newest operation
		says   string // empty: it is as it must be
	}{
		"another status":                      {[]tenant.Kind{provision, suspend}, false, func(f *found) { f.Status = tenant.StatusActive }, 1, "its row says ACTIVE, generation 1; its operations have left it SUSPENDED"},
		"another generation":                  {[]tenant.Kind{provision}, false, func(f *found) { f.Generation = 2 }, 1, "its row says ACTIVE, generation 2"},
		"the status after a rollback":         {[]tenant.Kind{provision, suspend}, true, func(f *found) { f.Status = tenant.StatusSuspended }, 0, "have left it ACTIVE"},
		"back to another than it came from":   {[]tenant.Kind{provision, suspend, archive, undelete}, false, newest(func(o *past) { o.ToStatus = tenant.StatusActive }), 1, "leads to is ACTIVE, expected SUSPENDED"},
		"from another than the one before":    {[]tenant.Kind{provision, suspend}, false, newest(func(o *past) { o.FromStatus = tenant.StatusSuspended }), 1, "began from is SUSPENDED, expected ACTIVE"},
		"a kind that the status has not":      {[]tenant.Kind{provision, resume}, false, nil, 1, "accepted of a tenant that was ACTIVE"},
		"open":                                {[]tenant.Kind{provision, suspend}, false, newest(func(o *past) { o.State = tenant.StateNeedsAttention }), 1, "closed is false"},
		"rolled back past the pivot":          {[]tenant.Kind{provision, suspend}, true, newest(func(o *past) { o.PivotPassed = true }), 0, "pivot is passed is true"},
		"of another generation":               {[]tenant.Kind{provision, suspend}, false, newest(func(o *past) { o.Generation = 2 }), 1, "its generation is 2, expected 1"},
		"a step is missing":                   {[]tenant.Kind{provision, suspend}, false, newest(func(o *past) { delete(o.log, tenant.StepMarkSuspended) }), 1, "MARK_SUSPENDED is done 0 times"},
		"the accepted step is missing":        {[]tenant.Kind{provision}, false, newest(func(o *past) { delete(o.log, tenant.StepCreateTenantRecord) }), 1, "CREATE_TENANT_RECORD is done 0 times"},
		"a step twice":                        {[]tenant.Kind{provision, suspend}, false, logs(tenant.StepRevokeAccess, map[tenant.StepStatus]int{tenant.StepCompleted: 2}), 1, "REVOKE_ACCESS is done 2 times"},
		"a step of another kind":              {[]tenant.Kind{provision, suspend}, false, logs(tenant.StepResumeContract, skipped), 1, "RESUME_CONTRACT stands in its log"},
		"a step that only ACTIVE ones have":   {[]tenant.Kind{provision, suspend, archive}, false, logs(tenant.StepRevokeAccess, skipped), 1, "REVOKE_ACCESS stands in its log"},
		"a step that must be done is skipped": {[]tenant.Kind{provision, suspend}, false, logs(tenant.StepRevokeAccess, skipped), 1, "REVOKE_ACCESS was skipped"},
		"one that may be skipped is":          {[]tenant.Kind{provision, suspend}, false, logs(tenant.StepSuspendContract, skipped), 1, ""},
		"done, and undone":                    {[]tenant.Kind{provision, suspend}, false, logs(tenant.StepRevokeAccess, map[tenant.StepStatus]int{tenant.StepCompleted: 1, tenant.StepRolledBack: 1}), 1, "REVOKE_ACCESS is undone"},
		"rolled back, and not undone":         {[]tenant.Kind{provision, suspend}, true, logs(tenant.StepRevokeAccess, map[tenant.StepStatus]int{tenant.StepCompleted: 1}), 0, "REVOKE_ACCESS is done, and not undone"},
		"rolled back, the pivot done":         {[]tenant.Kind{provision, suspend}, true, logs(tenant.StepMarkSuspended, map[tenant.StepStatus]int{tenant.StepCompleted: 1}), 0, "MARK_SUSPENDED is done, and nothing may be undone"},

		"without access":                   {[]tenant.Kind{provision}, false, func(f *found) { f.Access = 0 }, 1, "0 access to its schema, expected 1"},
		"suspended with access":            {[]tenant.Kind{provision, suspend}, false, func(f *found) { f.Access = 1 }, 1, "1 access to its schema, expected 0"},
		"resumed without access":           {[]tenant.Kind{provision, suspend, resume}, false, func(f *found) { f.Access = 0 }, 1, "0 access to its schema, expected 1"},
		"a suspension undone, no access":   {[]tenant.Kind{provision, suspend}, true, func(f *found) { f.Access = 0 }, 0, "0 access to its schema, expected 1"},
		"archived without schema":          {[]tenant.Kind{provision, archive}, false, func(f *found) { f.Schemas = 0 }, 1, "0 schema, expected 1"},
		"without role":                     {[]tenant.Kind{provision}, false, func(f *found) { f.Roles = 0 }, 1, "0 role, expected 1"},
		"without owner":                    {[]tenant.Kind{provision}, false, func(f *found) { f.Owned = 0 }, 1, "0 row of a schema's owner, expected 1"},
		"without users":                    {[]tenant.Kind{provision}, false, func(f *found) { f.Users = 0 }, 1, "0 table of users, expected 1"},
		"without contract":                 {[]tenant.Kind{provision}, false, func(f *found) { f.Contract, f.Deployed = "", 0 }, 1, "0 applied deployment of its contract, expected 1"},
		"failed with schema":               {[]tenant.Kind{provision}, true, func(f *found) { f.Schemas = 1 }, 0, "1 schema, expected 0"},
		"failed with role":                 {[]tenant.Kind{provision}, true, func(f *found) { f.Roles = 1 }, 0, "1 role, expected 0"},
		"failed with owner":                {[]tenant.Kind{provision}, true, func(f *found) { f.Owned = 1 }, 0, "1 row of a schema's owner, expected 0"},
		"failed with contract":             {[]tenant.Kind{provision}, true, func(f *found) { f.Contract = "C1" }, 0, "still names a contract"},
		"two mails":                        {[]tenant.Kind{provision, suspend}, false, nil, 2, "2 suspended mails, expected 1 to 1"},
		"no mail":                          {[]tenant.Kind{provision, suspend}, false, nil, 0, "0 suspended mails, expected 1 to 1"},
		"the mail is forgotten":            {[]tenant.Kind{provision, suspend}, false, mails(tenant.StepSendSuspendedEmail, tenant.EmailUnknown, tenant.StepCompleted), 1, "was not skipped"},
		"the mail is skipped":              {[]tenant.Kind{provision, suspend}, false, mails(tenant.StepSendSuspendedEmail, tenant.EmailFailed, tenant.StepSkipped), 0, ""},
		"skipped and sent":                 {[]tenant.Kind{provision, suspend}, false, mails(tenant.StepSendSuspendedEmail, tenant.EmailFailed, tenant.StepSkipped), 1, "1 suspended mails, expected 0 to 0"},
		"skipped and noted as sent":        {[]tenant.Kind{provision, suspend}, false, mails(tenant.StepSendSuspendedEmail, tenant.EmailSent, tenant.StepSkipped), 1, "not noted as done and is SENT"},
		"skipped in doubt, taken":          {[]tenant.Kind{provision, suspend}, false, mails(tenant.StepSendSuspendedEmail, tenant.EmailUnknown, tenant.StepSkipped), 1, ""},
		"skipped in doubt, not taken":      {[]tenant.Kind{provision, suspend}, false, mails(tenant.StepSendSuspendedEmail, tenant.EmailUnknown, tenant.StepSkipped), 0, ""},
		"skipped in doubt, taken twice":    {[]tenant.Kind{provision, suspend}, false, mails(tenant.StepSendSuspendedEmail, tenant.EmailUnknown, tenant.StepSkipped), 2, "2 suspended mails, expected 0 to 1"},
		"a mail of another kind":           {[]tenant.Kind{provision, suspend}, false, newest(func(o *past) { o.mails = append(o.mails, mail{"x", "resumed", tenant.EmailPending}) }), 1, "it has a resumed mail"},
		"an invitation undone, in doubt":   {[]tenant.Kind{provision, tenant.KindInvite}, true, newest(func(o *past) { o.mails = append(o.mails, mail{"w", "welcome", tenant.EmailUnknown}) }), 1, ""},
		"an invitation undone, refused":    {[]tenant.Kind{provision, tenant.KindInvite}, true, newest(func(o *past) { o.mails = append(o.mails, mail{"w", "welcome", tenant.EmailFailed}) }), 1, "1 welcome mails, expected 0 to 0"},
		"purged, and its data is there":    {[]tenant.Kind{provision, archive, tenant.KindPurge}, false, func(f *found) { f.Schemas = 1 }, 1, "1 schema, expected 0"},
		"purged, and its role is there":    {[]tenant.Kind{provision, tenant.KindPurge}, false, func(f *found) { f.Roles = 1 }, 1, "1 role, expected 0"},
		"rolled back, with a mail":         {[]tenant.Kind{provision, suspend}, true, newest(func(o *past) { o.mails = []mail{{"2suspended", "suspended", tenant.EmailPending}} }), 0, "mail was begun"},
		"rolled back, with a mail, caught": {[]tenant.Kind{provision, suspend}, true, newest(func(o *past) { o.mails = []mail{{"2suspended", "suspended", tenant.EmailPending}} }), 1, "1 suspended mails, expected 0 to 0"},
	} {
		last := c.kinds[len(c.kinds)-1]
		state := tenant.StateSucceeded
		if c.undone {
			state = tenant.StateRolledBack
		}
		before, caught := history(t, c.kinds[:len(c.kinds)-1]...)
		f, caught := after(t, before, caught, last, state)
		if c.change != nil {
			c.change(&f)
		}
		for _, m := range f.operations[len(f.operations)-1].mails {
			if m.template != "resumed" {
				caught[m.id] = c.mails
			}
		}
		wrong := judge(f, caught)
		if c.says == "" {
			require.Empty(t, wrong, name)
			continue
		}
		require.Condition(t, func() bool { return contains(wrong, c.says) }, "%s: %q", name, wrong)
	}
}

// TestContract: that of the present generation says what the status is, every other
// one is ended.
func TestContract(t *testing.T) {
	t.Parallel()
	for name, way := range walks(t) {
		f, _ := history(t, way...)
		must := f.Status.Contract()
		require.NotEmpty(t, must, name)
		now, earlier := contract{"C1", f.ID, f.Generation}, contract{"C0", f.ID, f.Generation - 1}
		for _, is := range []tenant.ContractStatus{tenant.ContractActive, tenant.ContractSuspended, tenant.ContractTerminated} {
			require.Equal(t, is != must, len(judgeContract(now, f, is)) == 1, "%s: %s", name, is)
			require.Equal(t, is != tenant.ContractTerminated, len(judgeContract(earlier, f, is)) == 1, "%s, of an earlier generation: %s", name, is)
		}
	}
	suspended, _ := history(t, tenant.KindProvision, tenant.KindSuspend)
	require.Equal(t, []string{"contract C1 of tenant tenant, SUSPENDED, generation 1, answers active, expected suspended"},
		judgeContract(contract{"C1", "tenant", 1}, suspended, tenant.ContractActive))
}

func TestWhatASkipLeavesIsToBeRepaired(t *testing.T) {
	t.Parallel()
	f, _ := history(t, tenant.KindProvision, tenant.KindSuspend)
	require.False(t, f.leftContract())
	f.operations[1].log[tenant.StepSendSuspendedEmail] = map[tenant.StepStatus]int{tenant.StepSkipped: 1}
	require.False(t, f.leftContract(), "the operation is whole without its mail")
	f.operations[1].log[tenant.StepSuspendContract] = map[tenant.StepStatus]int{tenant.StepSkipped: 1}
	require.True(t, f.leftContract())
}

func with(f found, change func(*found)) found {
	change(&f)
	return f
}

func contains(wrong []string, says string) bool {
	for _, w := range wrong {
		if strings.Contains(w, says) {
			return true
		}
	}
	return false
}
