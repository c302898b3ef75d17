package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/internal/token"
)

// holdInput sets a legal hold.
type holdInput struct {
	TenantPath
	Body reason
}

// Resolve checks what the schema cannot say.
func (i *holdInput) Resolve(ctx huma.Context) []error {
	return append(i.TenantPath.Resolve(ctx), checkReason("body", i.Body.Reason)...)
}

// liftInput lifts one.
type liftInput struct {
	TenantPath
	DeleteReason
}

// Resolve checks what the schema cannot say.
func (i *liftInput) Resolve(ctx huma.Context) []error {
	return append(i.TenantPath.Resolve(ctx), i.check()...)
}

func (s *Server) registerHolds() {
	register(s, s.holdEndpoint(http.MethodPut, tenant.ActionSetHold,
		"Set a legal hold", "Keeps a tenant of any status from being purged, by whomever, until the hold is lifted. Setting it again changes who does so, since when and why."),
		func(ctx context.Context, in *holdInput) (*tenantOutput, error) {
			return held(s.tenants.SetLegalHold(ctx, in.id, in.Body.Reason, caller(ctx)))
		})
	register(s, s.holdEndpoint(http.MethodDelete, tenant.ActionLiftHold,
		"Lift a legal hold", "An ARCHIVED tenant whose `purgeAfter` is over is purged within minutes of that. Lifting a hold that is not there changes nothing."),
		func(ctx context.Context, in *liftInput) (*tenantOutput, error) {
			return held(s.tenants.LiftLegalHold(ctx, in.id, in.text(), caller(ctx)))
		})
}

func (s *Server) holdEndpoint(method, action, summary, description string) endpoint {
	return endpoint{
		id: action, method: method, path: "/v1/tenants/{id}/legal-hold", tag: tagTenants, role: token.RoleAdmin, summary: summary,
		description: description + " Refused (409 `conflict`) once the tenant's purge has begun, or when it is DELETED. " +
			"Every well-formed request about a tenant that exists is audited with its reason, refused ones too.",
		problems: []Code{CodeNotFound, CodeConflict},
		refused: ofTenant(func(ctx context.Context, id tenant.ID, who tenant.Caller, why string) error {
			return s.tenants.RefusedHold(ctx, action, id, who, why)
		}),
	}
}

func held(t tenant.Tenant, err error) (*tenantOutput, error) {
	if err != nil {
		return nil, err
	}
	return versioned(t), nil
}
