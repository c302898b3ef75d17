package main

import (
	"fmt"

	"tenant-provisioning/internal/tenant"
)

// steps is how many a provisioning has.
const steps = 8

// judge says what a tenant has that its final state does not say, or the
// reverse. mails is how many its administrator got.
func judge(t found, mails int) (wrong []string) {
	expect := func(what string, got, want int) {
		if got != want {
			wrong = append(wrong, fmt.Sprintf("%d %s, expected %d", got, what, want))
		}
	}
	var each int // of what an active tenant has one of
	switch {
	case t.Status == string(tenant.StatusActive) && t.State == string(tenant.StateSucceeded):
		each = 1
		expect("steps done or skipped", t.Completed+t.Passed, steps)
	case t.Status == string(tenant.StatusFailed) && t.State == string(tenant.StateRolledBack):
		if t.Contract {
			wrong = append(wrong, "it still names a contract")
		}
		if t.Mail != "" {
			wrong = append(wrong, "a mail was begun, and is "+t.Mail)
		}
	default:
		return []string{"it is neither active by an operation that has succeeded nor failed by one that was rolled back"}
	}
	expect("schema", t.Schemas, each)
	expect("role", t.Roles, each)
	expect("row of a schema's owner", t.Owned, each)
	expect("table of users", t.Users, each)
	expect("applied deployment", t.Deployed, each)
	return append(wrong, judgeMail(t, mails)...)
}

// judgeMail: a mail is given up where a person or a cancel decided so. Whoever
// gives one up that is being sent cannot know whether it was taken.
func judgeMail(t found, mails int) []string {
	least, most := 0, 0
	switch {
	case t.Status != string(tenant.StatusActive):
	case t.Passed == 0 && t.Mail == string(tenant.EmailSent):
		least, most = 1, 1
	case t.Passed == 0:
		return []string{fmt.Sprintf("its mail is %q and was not skipped", t.Mail)}
	case t.Mail == string(tenant.EmailSent):
		return []string{"its mail was skipped and is SENT"}
	case t.Mail == string(tenant.EmailUnknown):
		most = 1
	}
	if mails < least || mails > most {
		return []string{fmt.Sprintf("%d mails, expected %d to %d: the mail is %q", mails, least, most, t.Mail)}
	}
	return nil
}
