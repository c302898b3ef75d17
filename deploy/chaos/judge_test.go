package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The two ends of a tenant, as they must be.
var (
	active = found{
		Status: "ACTIVE", State: "SUCCEEDED", Mail: "SENT", Contract: true,
		Schemas: 1, Roles: 1, Owned: 1, Users: 1, Deployed: 1, Completed: steps,
	}
	failed = found{Status: "FAILED", State: "ROLLED_BACK", Completed: 4}
)

func TestJudge(t *testing.T) {
	t.Parallel()
	skipped := with(active, func(f *found) { f.Completed, f.Passed, f.Mail = steps-1, 1, "FAILED" })
	for name, c := range map[string]struct {
		found found
		mails int
		says  string // empty: it is as it must be
	}{
		"active":                        {active, 1, ""},
		"active without schema":         {with(active, func(f *found) { f.Schemas = 0 }), 1, "0 schema, expected 1"},
		"active without role":           {with(active, func(f *found) { f.Roles = 0 }), 1, "0 role, expected 1"},
		"active without owner":          {with(active, func(f *found) { f.Owned = 0 }), 1, "0 row of a schema's owner, expected 1"},
		"active without users":          {with(active, func(f *found) { f.Users = 0 }), 1, "0 table of users, expected 1"},
		"active without contract":       {with(active, func(f *found) { f.Contract, f.Deployed = false, 0 }), 1, "0 applied deployment, expected 1"},
		"active with a step done twice": {with(active, func(f *found) { f.Completed++ }), 1, "9 steps"},
		"active with two mails":         {active, 2, "2 mails"},
		"active without mail":           {active, 0, "0 mails"},
		"active, not succeeded":         {with(active, func(f *found) { f.State = "NEEDS_ATTENTION" }), 1, "neither"},
		"active, its mail forgotten":    {with(active, func(f *found) { f.Mail = "UNKNOWN" }), 1, "was not skipped"},
		"active, its mail skipped":      {skipped, 0, ""},
		"skipped and sent":              {skipped, 1, "1 mails"},
		"skipped and noted as sent":     {with(skipped, func(f *found) { f.Mail = "SENT" }), 1, "was skipped and is SENT"},
		"skipped in doubt, taken":       {with(skipped, func(f *found) { f.Mail = "UNKNOWN" }), 1, ""},
		"skipped in doubt, not taken":   {with(skipped, func(f *found) { f.Mail = "UNKNOWN" }), 0, ""},
		"skipped in doubt, taken twice": {with(skipped, func(f *found) { f.Mail = "UNKNOWN" }), 2, "2 mails"},
		"failed":                        {failed, 0, ""},
		"failed with schema":            {with(failed, func(f *found) { f.Schemas = 1 }), 0, "1 schema, expected 0"},
		"failed with role":              {with(failed, func(f *found) { f.Roles = 1 }), 0, "1 role, expected 0"},
		"failed with owner":             {with(failed, func(f *found) { f.Owned = 1 }), 0, "1 row of a schema's owner"},
		"failed with contract":          {with(failed, func(f *found) { f.Contract = true }), 0, "names a contract"},
		"failed with mail":              {failed, 1, "1 mails"},
		"failed with a mail under way":  {with(failed, func(f *found) { f.Mail = "PENDING" }), 0, "a mail was begun"},
		"failed, succeeded":             {with(failed, func(f *found) { f.State = "SUCCEEDED" }), 0, "neither"},
	} {
		wrong := judge(c.found, c.mails)
		if c.says == "" {
			require.Empty(t, wrong, name)
			continue
		}
		require.Len(t, wrong, 1, name)
		require.Contains(t, wrong[0], c.says, name)
	}
}

func with(f found, change func(*found)) found {
	change(&f)
	return f
}
