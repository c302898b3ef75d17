package rest

import (
	"context"
	"log/slog"
	"strings"

	"tenant-provisioning/internal/logging"
	"tenant-provisioning/internal/tenant"
)

// noteID has the log say what a request is about by the id in its path, in the
// spelling that all lines have.
func noteID(ctx context.Context, path, id string) {
	switch {
	case strings.HasPrefix(path, "/v1/tenants/{id}"):
		if read, err := tenant.ReadID(id); err == nil {
			logging.Note(ctx, slog.String(logging.KeyTenant, string(read)))
		}
	case strings.HasPrefix(path, "/v1/operations/{id}"):
		if read, err := tenant.ReadOperationID(id); err == nil {
			logging.Note(ctx, slog.String(logging.KeyOperation, string(read)))
		}
	}
}

// noteAnswer has the log say what an answer is about.
func noteAnswer(ctx context.Context, answer any) {
	switch a := answer.(type) {
	case *tenantOutput:
		logging.Note(ctx, slog.String(logging.KeyTenant, string(a.Body.ID)))
	case *operationOutput:
		noteOperation(ctx, a.Body)
	case *acceptedOutput:
		noteOperation(ctx, a.Body)
	}
}

func noteOperation(ctx context.Context, o Operation) {
	logging.Note(ctx, slog.String(logging.KeyTenant, string(o.TenantID)), slog.String(logging.KeyOperation, string(o.ID)))
}
