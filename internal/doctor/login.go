package doctor

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Login is what DB_USERNAME may do.
type Login struct {
	Name string
	// Superuser may everything; the rest is then not looked at.
	Superuser bool
	// CreateRole and CreateSchemas are what provisioning needs beside the control
	// tables.
	CreateRole, CreateSchemas bool
	// Beyond are attributes and predefined roles that it has and nothing needs,
	// by name.
	Beyond []string
	// EndsStatements tells that statements of a tenant whose access ends can be
	// ended too.
	EndsStatements bool
	// PasswordUntil is until when its password holds; zero: for ever.
	PasswordUntil time.Time
}

// passwordSoon is as long as people need to change a password in order.
const passwordSoon = 14 * 24 * time.Hour

func (l Login) judgeRights() Verdict {
	if l.Superuser {
		return warn(l.Name+" is a superuser: whoever gets its password has the whole server",
			"take another login: CREATE ROLE … LOGIN CREATEROLE, owner of the database (ALTER DATABASE … OWNER TO …) and of the control tables (REASSIGN OWNED BY … TO …)")
	}
	var wrong []Verdict
	if !l.CreateRole {
		wrong = append(wrong, fail(l.Name+" may not make roles, so that no tenant can be made", "ALTER ROLE "+l.Name+" CREATEROLE"))
	}
	if !l.CreateSchemas {
		wrong = append(wrong, fail(l.Name+" may not make schemas in the database, so that no tenant can be made",
			"make it the owner (ALTER DATABASE … OWNER TO "+l.Name+"), or GRANT CREATE ON DATABASE … TO "+l.Name))
	}
	if len(l.Beyond) > 0 {
		wrong = append(wrong, warn(fmt.Sprintf("%s has more than it needs: %s", l.Name, strings.Join(l.Beyond, ", ")),
			"ALTER ROLE "+l.Name+" NOCREATEDB NOREPLICATION NOBYPASSRLS, and REVOKE the predefined roles that are named"))
	}
	found := l.Name + " may make roles and schemas, and has nothing beyond that it does not need"
	if !l.EndsStatements {
		found += "; it cannot end what a suspended tenant is still running (GRANT pg_signal_backend TO " + l.Name + " if it should)"
	}
	return all(fine("%s", found), wrong...)
}

func (l Login) judgePassword() Verdict {
	const mend = "give it another password in time, or ALTER ROLE … VALID UNTIL 'infinity'; then set DB_PASSWORD and restart the processes one after the other"
	left := time.Until(l.PasswordUntil)
	switch {
	case l.PasswordUntil.IsZero():
		return fine("the password of %s has no end", l.Name)
	case left <= 0:
		return fail(fmt.Sprintf("the password of %s has ended on %s: no new connection is let in", l.Name, day(l.PasswordUntil)), mend)
	case left < passwordSoon:
		return warn(fmt.Sprintf("the password of %s ends on %s, in %s", l.Name, day(l.PasswordUntil), days(left)), mend)
	}
	return fine("the password of %s ends on %s", l.Name, day(l.PasswordUntil))
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// days are whole ones, or hours where there are few.
func days(d time.Duration) string {
	if d < 48*time.Hour {
		return count(int(math.Round(d.Hours())), "hour")
	}
	return count(int(math.Round(d.Hours()/24)), "day")
}
