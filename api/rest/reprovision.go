package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/internal/token"
)

type reprovisionBody struct {
	Reason string `json:"reason,omitempty" maxLength:"500" doc:"Why, for the audit log. It is kept in clear: no personal data, no secrets; a ticket's number will do." example:"ticket 4711"`
}

type reprovisionInput struct {
	TenantPath
	IdempotencyKey
	Body *reprovisionBody `required:"false"`
}

// Resolve checks what the schema cannot say.
func (i *reprovisionInput) Resolve(ctx huma.Context) []error {
	errs := append(i.TenantPath.Resolve(ctx), i.IdempotencyKey.Resolve(ctx)...)
	if i.reason() == "" {
		return errs
	}
	_, err := tenant.ActionRequest{Actor: "-", Reason: i.reason()}.Clean()
	return append(errs, details("body", err)...)
}

func (i *reprovisionInput) reason() string {
	if i.Body == nil {
		return ""
	}
	return i.Body.Reason
}

func (s *Server) registerReprovision() {
	register(s, endpoint{
		id: "reprovision-tenant", method: http.MethodPost, path: "/v1/tenants/{id}/reprovision", tag: tagTenants,
		role: token.RoleOperator, status: http.StatusAccepted,
		summary: "Provision a failed tenant anew",
		description: "Only for a FAILED tenant whose name nobody has taken meanwhile. The tenant keeps its id and the names of schema and role; " +
			"its generation grows by one, and with it comes another contract: the one of the earlier generation stays terminated. " +
			"Follow the operation at `Location`. Correct with PATCH before what was wrong. Every well-formed request about a tenant that exists is audited, refused ones too.",
		problems: []Code{CodeNotFound, CodeActionRefused, CodeNameTaken, CodeOperationOpen, CodeIdempotencyMismatch}, refused: s.refusedSubmission(tenant.KindProvision),
	}, func(ctx context.Context, in *reprovisionInput) (*acceptedOutput, error) {
		o, err := s.tenants.Submit(ctx, tenant.KindProvision, in.id, in.reason(), caller(ctx), in.Key)
		if err != nil {
			return nil, err
		}
		return accepted(o), nil
	})
}
