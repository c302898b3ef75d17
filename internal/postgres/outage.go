package postgres

import (
	"strings"

	"tenant-provisioning/internal/tenant"
)

// outage is a tenant.ErrUnavailable of the database. Its cause names hosts and
// users, and is for the log; what it tells is for anybody.
type outage struct {
	why string
	err error
}

func (o *outage) Error() string {
	return tenant.ErrUnavailable.Error() + ": " + o.Told() + ": " + o.err.Error()
}

// Told is what a caller of the API may know of it.
func (o *outage) Told() string { return "the database " + o.why }

// Is makes it a tenant.ErrUnavailable.
func (o *outage) Is(target error) bool { return target == tenant.ErrUnavailable }

func (o *outage) Unwrap() error { return o.err }

// refused is a database that works, and not for us until somebody changes it. It
// is no tenant.ErrUnavailable: what waits for the end of an outage does not wait
// for that.
type refused struct {
	why string
	err error
}

func (r *refused) Error() string { return r.why + ": " + r.err.Error() }

// Told is what a caller of the API may know of it.
func (r *refused) Told() string { return r.why }

func (r *refused) Unwrap() error { return r.err }

// refusal is why a database that answers does no work now, by its SQLSTATE.
func refusal(code string) string {
	switch {
	case code == stateDiskFull:
		return "has no room left on its disk"
	case strings.HasPrefix(code, "53"):
		return "is at a limit of connections, memory or locks"
	case strings.HasPrefix(code, "57"):
		return "is starting, stopping, or has ended the request"
	}
	return "refuses work now (SQLSTATE " + code + ")"
}
