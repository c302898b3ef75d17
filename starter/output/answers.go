package output

import (
	"fmt"
	"strings"
	"time"

	"tenant-provisioning/internal/build"
	"tenant-provisioning/internal/tenant"
)

// Accepted is a tenant with the operation that was accepted of it, and how far that
// has come.
type Accepted struct {
	Tenant    Tenant    `json:"tenant"`
	Operation Operation `json:"operation"`
	Seconds   float64   `json:"seconds,omitempty"`
	Commands  []Command `json:"commands"`
}

// NewAccepted makes the document.
func NewAccepted(t tenant.Tenant, o tenant.Operation) Accepted {
	p := Accepted{Tenant: NewTenant(t), Operation: NewOperation(o), Commands: Commands(o)}
	if !o.FinishedAt.IsZero() {
		p.Seconds = o.FinishedAt.Sub(o.CreatedAt).Seconds()
	}
	return p
}

// Text is a form, and what to do next unless the operation has ended.
func (p Accepted) Text() string {
	text := form([]pair{
		{"tenant", p.Tenant.Name}, {"id", string(p.Tenant.ID)}, {"status", string(p.Tenant.Status)},
		{"schema", p.Tenant.SchemaName}, {"contract", p.Tenant.ContractID}, {"seconds", seconds(p.Seconds)},
	}) + "\n" + operationText(p.Operation)
	if p.Operation.State.NeedsPerson() {
		return text + commandText(p.Commands)
	}
	if w := p.Operation.WaitingFor; w != nil {
		return text + waitText(w)
	}
	if !p.Operation.State.Closed() {
		text += "\nIt goes on by itself. See how far it is:\n  starter status " + string(p.Tenant.ID) + "\n"
	}
	return text
}

// Failure is the answer, in JSON, of a command that has no other one.
type Failure struct {
	Error string `json:"error"`
	// Next is what to do; absent where the error says it.
	Next     string `json:"next,omitempty"`
	ExitCode int    `json:"exitCode"`
}

// Text is the error.
func (f Failure) Text() string { return f.Error + "\n" }

// Token is a bearer token.
type Token struct {
	Token     string    `json:"token"`
	Role      string    `json:"role"`
	Subject   string    `json:"subject"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// Text is the token and nothing else, for $(starter token …).
func (t Token) Text() string { return t.Token + "\n" }

// Migration is what migrating the database did.
type Migration struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
	// Alike is the tenants whose name looks like another's.
	Alike []tenant.Alike `json:"alike,omitempty"`
}

// Text says from where to where.
func (m Migration) Text() string {
	var b strings.Builder
	if m.From == m.To {
		fmt.Fprintf(&b, "the database is at version %d already\n", m.To)
	} else {
		fmt.Fprintf(&b, "the database was migrated from version %d to %d\n", m.From, m.To)
	}
	for _, a := range m.Alike {
		fmt.Fprintf(&b, "the name %q of tenant %s looks like %q of tenant %s; both stay\n", a.Name, a.ID, a.HolderName, a.Holder)
	}
	return b.String()
}

// Setup lists what was set up, or found to be there.
type Setup struct {
	Done []string `json:"done"`
}

// Text is a line for each.
func (s Setup) Text() string { return strings.Join(s.Done, "\n") + "\n" }

// Version is the build.
type Version struct {
	Version   string    `json:"version"`
	Revision  string    `json:"revision,omitempty"`
	Modified  bool      `json:"modified"`
	Committed time.Time `json:"committed,omitzero"`
	Go        string    `json:"go"`
}

// Text is one line.
func (v Version) Text() string {
	return "starter " + build.Info{Version: v.Version, Revision: v.Revision, Modified: v.Modified, Committed: v.Committed, Go: v.Go}.Line() + "\n"
}

// Codec is a codec server that listens.
type Codec struct {
	URL string `json:"url"`
}

// Text says where, and how it ends.
func (c Codec) Text() string {
	return "the codec server is at " + c.URL + "; Ctrl-C ends it\n"
}
