package main

import (
	"fmt"
	"os"
	"os/user"

	"tenant-provisioning/internal/tenant"
)

// clientName is the scope of idempotency keys and fairness. It is the same for
// every operator, so that one can go on with a file that another began.
const clientName = "starter"

// caller is who acts. Whoever has the settings of the control plane may do
// everything; who that is was checked by nobody, and the audit log says so.
func (a *app) caller() tenant.Caller {
	actor := a.actor
	if actor == "" {
		actor = thisUser()
	}
	return tenant.Caller{Client: clientName, Actor: actor, Admin: true, Claimed: true}
}

func thisUser() string {
	name := fmt.Sprintf("uid %d", os.Getuid())
	if u, err := user.Current(); err == nil && u.Username != "" {
		name = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		name += "@" + host
	}
	return name
}
