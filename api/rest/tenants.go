package rest

import (
	"context"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/internal/token"
)

// Tenants is the part of the control plane that keeps tenants.
// *operations.Service is one.
type Tenants interface {
	// Create accepts a tenant. The same idempotency key with the same request
	// gives the same operation.
	Create(ctx context.Context, n tenant.Spec, who tenant.Caller, idempotencyKey string) (tenant.Operation, error)
	Tenant(ctx context.Context, id tenant.ID) (tenant.Tenant, error)
	Tenants(ctx context.Context, f tenant.Filter) (tenant.Page[tenant.Tenant], error)
	// ChangeAdministrator takes any version when ifVersion is 0.
	ChangeAdministrator(ctx context.Context, id tenant.ID, c tenant.AdministratorChange, ifVersion int64, who tenant.Caller) (tenant.Tenant, error)
	// RefusedChange audits a change that was refused before it came to
	// ChangeAdministrator.
	RefusedChange(ctx context.Context, id tenant.ID, who tenant.Caller, why string) error
	Progress(ctx context.Context, id tenant.ID) (tenant.Progress, error)
	// Submit accepts an operation of a tenant that is there.
	Submit(ctx context.Context, r tenant.Request, who tenant.Caller) (tenant.Operation, error)
	// Delete is Submit of the kind that deletes a tenant of its status.
	Delete(ctx context.Context, r tenant.Request, who tenant.Caller) (tenant.Operation, error)
	// SetLegalHold and LiftLegalHold refuse with *tenant.RemovedError.
	SetLegalHold(ctx context.Context, id tenant.ID, reason string, who tenant.Caller) (tenant.Tenant, error)
	LiftLegalHold(ctx context.Context, id tenant.ID, reason string, who tenant.Caller) (tenant.Tenant, error)
	// RefusedHold audits a change of a legal hold that was refused before it came
	// to one of these.
	RefusedHold(ctx context.Context, action string, id tenant.ID, who tenant.Caller, why string) error
	// RefusedSubmission audits a request that was refused before it came to Submit.
	RefusedSubmission(ctx context.Context, kind tenant.Kind, id tenant.ID, who tenant.Caller, why string) error
}

type newTenant struct {
	Name           string `json:"name" minLength:"3" doc:"What people call it: 3 to 100 characters that can be seen, of any script, without control characters. It is kept as it is typed. Unique among living tenants, without regard to case, width, white space and characters that cannot be seen." example:"St. Mary's Hospital"`
	AdminEmail     string `json:"adminEmail" minLength:"6" doc:"The administrator's address, without a display name." example:"ada@stmarys.example"`
	AdminFirstName string `json:"adminFirstName" minLength:"1" doc:"Up to 100 characters." example:"Ada"`
	AdminLastName  string `json:"adminLastName" minLength:"1" doc:"Up to 100 characters." example:"Lovelace"`
	Tier           string `json:"tier,omitempty" pattern:"^[a-z0-9-]{1,40}$" doc:"The kind of service; \"standard\" when left out." example:"standard"`
	Region         string `json:"region,omitempty" pattern:"^[a-z0-9-]{1,40}$" doc:"Where it is served; \"default\" when left out." example:"default"`
}

func (n newTenant) domain() tenant.Spec {
	return tenant.Spec{
		Name:          n.Name,
		Administrator: tenant.Administrator{Email: n.AdminEmail, FirstName: n.AdminFirstName, LastName: n.AdminLastName},
		Tier:          n.Tier, Region: n.Region,
	}
}

// IdempotencyKey is the header that makes it safe to repeat a request.
type IdempotencyKey struct {
	Key string `header:"Idempotency-Key" maxLength:"255" pattern:"^[ -~]+$" doc:"Makes it safe to repeat the request: the same key and body give the same operation, also after a crash. Keys belong to the caller. Up to 255 printable characters; a UUID is a good one." example:"8e03978e-40d5-43e8-bc93-6894a57f9324"`
}

// Resolve refuses a key that is there and says nothing, and one that is there
// twice: whoever sends them believes that the request can be repeated.
func (k *IdempotencyKey) Resolve(ctx huma.Context) []error {
	given := 0
	ctx.EachHeader(func(name, _ string) {
		if strings.EqualFold(name, "Idempotency-Key") {
			given++
		}
	})
	if given > 1 || given == 1 && k.Key == "" {
		return []error{&huma.ErrorDetail{Location: "header.Idempotency-Key", Message: "must be one key of 1 to 255 printable characters"}}
	}
	return nil
}

type createInput struct {
	IdempotencyKey
	Body newTenant
}

// Resolve checks what the schema cannot say.
func (i *createInput) Resolve(ctx huma.Context) []error {
	errs := i.IdempotencyKey.Resolve(ctx)
	_, err := i.Body.domain().Clean()
	return append(errs, details("body", err)...)
}

type tenantsInput struct {
	Status asked[tenant.Status] `query:"status" doc:"Only tenants in this status. Without it, all but those that are DELETED."`
	Name   string               `query:"name" maxLength:"100" doc:"Only tenants whose name has this in it, compared as names are." example:"mary"`
	PageQuery
}

// Resolve checks what the schema cannot say.
func (i *tenantsInput) Resolve(huma.Context) []error {
	if !utf8.ValidString(i.Name) || strings.ContainsFunc(i.Name, unicode.IsControl) {
		return []error{&huma.ErrorDetail{Location: "query.name", Message: "must not contain control characters"}}
	}
	if i.Name != "" && tenant.NameKey(i.Name) == "" {
		return []error{&huma.ErrorDetail{Location: "query.name", Message: "must have visible characters"}}
	}
	return nil
}

type tenantsOutput struct{ Body list[Tenant] }

// TenantPath names a tenant in a path.
type TenantPath struct {
	ID string `path:"id" format:"uuid" doc:"The tenant's id."`

	id tenant.ID
}

// Resolve checks what the schema cannot say.
func (i *TenantPath) Resolve(huma.Context) []error {
	id, err := tenant.ReadID(i.ID)
	i.id = id
	return details("path", err)
}

type tenantOutput struct {
	ETag string `header:"ETag" doc:"Names this answer, for If-None-Match, and the version, for If-Match." example:"\"3-5f1c0a9b\""`
	Body Tenant
}

type administratorChange struct {
	AdminEmail     *string `json:"adminEmail,omitempty" doc:"The new address. Links that were sent to the old one end." example:"ada@stmarys.example"`
	AdminFirstName *string `json:"adminFirstName,omitempty" doc:"Up to 100 characters." example:"Ada"`
	AdminLastName  *string `json:"adminLastName,omitempty" doc:"Up to 100 characters." example:"Lovelace"`
}

type changeInput struct {
	TenantPath
	IfMatch string `header:"If-Match" maxLength:"2000" doc:"The ETag of the version that the change is based on, or a list of them. Without it, any version is changed." example:"\"3\""`
	Body    administratorChange

	precondition precondition
}

// Resolve checks what the schema cannot say. Only given fields are checked;
// the others stay what they are.
func (i *changeInput) Resolve(ctx huma.Context) []error {
	errs := i.TenantPath.Resolve(ctx)
	i.precondition = readIfMatch(ctx)
	c := i.Body
	if c.AdminEmail == nil && c.AdminFirstName == nil && c.AdminLastName == nil {
		return append(errs, &huma.ErrorDetail{Location: "body", Message: "must change at least one of adminEmail, adminFirstName and adminLastName"})
	}
	_, err := c.domain().Apply(tenant.Administrator{Email: "ada@hospital.example", FirstName: "-", LastName: "-"})
	return append(errs, details("body", err)...)
}

func (c administratorChange) domain() tenant.AdministratorChange {
	return tenant.AdministratorChange{Email: c.AdminEmail, FirstName: c.AdminFirstName, LastName: c.AdminLastName}
}

type progressOutput struct{ Body Progress }

func (s *Server) registerTenants() {
	register(s, endpoint{
		id: "create-tenant", method: http.MethodPost, path: "/v1/tenants", tag: tagTenants, role: token.RoleOperator, status: http.StatusAccepted,
		summary:     "Create a tenant",
		description: "Accepts the tenant and returns at once. Follow the operation at `Location` until it has ended; it goes on by itself, whatever fails in between.",
		problems:    []Code{CodeNameTaken, CodeIdempotencyMismatch}, pauses: true,
	}, func(ctx context.Context, in *createInput) (*acceptedOutput, error) {
		o, err := s.tenants.Create(ctx, in.Body.domain(), caller(ctx), in.Key)
		if err != nil {
			return nil, err
		}
		return accepted(o), nil
	})
	register(s, endpoint{
		id: "list-tenants", method: http.MethodGet, path: "/v1/tenants", tag: tagTenants, role: token.RoleViewer,
		summary: "List tenants", description: "The newest first. Deleted ones are listed only with `status=DELETED`.", about: aboutAll,
	}, func(ctx context.Context, in *tenantsInput) (*tenantsOutput, error) {
		page, err := s.tenants.Tenants(ctx, tenant.Filter{Status: tenant.Status(in.Status), Name: in.Name, Cursor: in.Cursor, Limit: in.Limit})
		if err != nil {
			return nil, err
		}
		return &tenantsOutput{viewPage(page, viewTenant)}, nil
	})
	register(s, endpoint{
		id: "get-tenant", method: http.MethodGet, path: "/v1/tenants/{id}", tag: tagTenants, role: token.RoleViewer,
		summary: "Read a tenant", description: "With the operation that is open, if there is one.", problems: []Code{CodeNotFound}, about: aboutTenant,
	}, func(ctx context.Context, in *TenantPath) (*tenantOutput, error) {
		t, err := s.tenants.Tenant(ctx, in.id)
		if err != nil {
			return nil, err
		}
		return versioned(t), nil
	})
	register(s, endpoint{
		id: "change-tenant", method: http.MethodPatch, path: "/v1/tenants/{id}", tag: tagTenants, role: token.RoleOperator,
		summary:     "Change a tenant's administrator",
		description: "Fields that are left out stay as they are. After a rejected mail: correct the address, then `retry` the operation. Every well-formed request about a tenant that exists is audited, with the names of the fields that changed, refused ones too.",
		problems:    []Code{CodeNotFound, CodeVersionMismatch, CodeConflict}, refused: ofTenant(s.tenants.RefusedChange), pauses: true,
	}, s.changeTenant)
	register(s, endpoint{
		id: "get-provisioning", method: http.MethodGet, path: "/v1/tenants/{id}/provisioning", tag: tagTenants, role: token.RoleViewer,
		summary:     "How far a tenant's latest operation has come",
		description: "The latest operation, of whatever kind, with every step: attempts, durations, errors; and the log.",
		problems:    []Code{CodeNotFound}, about: aboutTenant,
	}, func(ctx context.Context, in *TenantPath) (*progressOutput, error) {
		p, err := s.tenants.Progress(ctx, in.id)
		if err != nil {
			return nil, err
		}
		return &progressOutput{viewProgress(p)}, nil
	})
	s.registerSubmissions()
	s.registerHolds()
}

func (s *Server) changeTenant(ctx context.Context, in *changeInput) (*tenantOutput, error) {
	if in.precondition.impossible() {
		if err := s.tenants.RefusedChange(ctx, in.id, caller(ctx), "If-Match names no version that there could be"); err != nil {
			return nil, err
		}
		return nil, tenant.ErrVersionMismatch
	}
	version, err := in.precondition.version(ctx, in.id, s.tenants.Tenant)
	if err != nil {
		return nil, err
	}
	t, err := s.tenants.ChangeAdministrator(ctx, in.id, in.Body.domain(), version, caller(ctx))
	if err != nil {
		return nil, err
	}
	return versioned(t), nil
}

// refusedSubmission audits a request for an operation that the caller's role does
// not allow.
func (s *Server) refusedSubmission(kind tenant.Kind) func(context.Context, string, tenant.Caller, string) error {
	return ofTenant(func(ctx context.Context, id tenant.ID, who tenant.Caller, why string) error {
		return s.tenants.RefusedSubmission(ctx, kind, id, who, why)
	})
}

// ofTenant audits a request that the caller's role does not allow. Without a tenant
// of this id it would have touched nothing.
func ofTenant(refused func(context.Context, tenant.ID, tenant.Caller, string) error) func(context.Context, string, tenant.Caller, string) error {
	return func(ctx context.Context, id string, who tenant.Caller, why string) error {
		found, err := tenant.ReadID(id)
		if err != nil {
			return nil //nolint:nilerr // as above
		}
		return refused(ctx, found, who, why)
	}
}

func versioned(t tenant.Tenant) *tenantOutput {
	return &tenantOutput{ETag: etag(t), Body: viewTenant(t)}
}
