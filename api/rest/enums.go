package rest

import (
	"github.com/danielgtaylor/huma/v2"

	"tenant-provisioning/internal/tenant"
)

// The domain's words as the API writes and reads them. The document lists their
// values from the domain's own tables, so that it knows a new kind as soon as they
// do.
type (
	kindName   tenant.Kind
	stateName  tenant.State
	statusName tenant.Status
	stepName   tenant.Step
)

// Schema lists the kinds.
func (kindName) Schema(huma.Registry) *huma.Schema { return oneOf(tenant.Kinds()) }

// Schema lists the states.
func (stateName) Schema(huma.Registry) *huma.Schema { return oneOf(tenant.States()) }

// Schema lists the statuses.
func (statusName) Schema(huma.Registry) *huma.Schema { return oneOf(tenant.Statuses()) }

// Schema lists the steps of all kinds.
func (stepName) Schema(huma.Registry) *huma.Schema { return oneOf(tenant.Steps()) }

func oneOf[T ~string](values []T) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString, Enum: make([]any, len(values))}
	for i, v := range values {
		s.Enum[i] = string(v)
	}
	return s
}
