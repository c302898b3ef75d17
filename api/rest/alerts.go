package rest

import (
	"context"
	"net/http"
	"time"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/internal/token"
)

// alertmanagerMessage is what Alertmanager's webhook sends, version 4, as far as it is
// read: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config. What a
// later Alertmanager adds is let through.
type alertmanagerMessage struct {
	_ struct{} `json:"-" additionalProperties:"true"`

	Version  string              `json:"version" doc:"The version of the message." example:"4"`
	GroupKey string              `json:"groupKey" minLength:"1" maxLength:"4096" doc:"Names the group: what fires in it belongs to one incident as long as that is not resolved."`
	Alerts   []alertmanagerAlert `json:"alerts" nullable:"false" maxItems:"1000" doc:"What fires, and what has ended."`
}

// alertmanagerAlert is one alert of the message.
type alertmanagerAlert struct {
	_ struct{} `json:"-" additionalProperties:"true"`

	Status      string            `json:"status" doc:"firing, or resolved." example:"firing"`
	Fingerprint string            `json:"fingerprint" minLength:"1" maxLength:"64" doc:"Names the alert."`
	Labels      map[string]string `json:"labels,omitempty" doc:"alertname becomes the incident's title, and severity its severity."`
	Annotations map[string]string `json:"annotations,omitempty" doc:"summary becomes its message."`
	StartsAt    time.Time         `json:"startsAt" doc:"Since when it fires, which begins the clock."`
	EndsAt      time.Time         `json:"endsAt,omitempty" doc:"When it ended, of one that is resolved."`
}

type alertsInput struct{ Body alertmanagerMessage }

func (i *alertsInput) group() tenant.AlertGroup {
	g := tenant.AlertGroup{Key: i.Body.GroupKey}
	for _, a := range i.Body.Alerts {
		g.Alerts = append(g.Alerts, tenant.GroupAlert{
			IncidentAlert: tenant.IncidentAlert{
				Fingerprint: a.Fingerprint, Name: a.Labels["alertname"], Summary: a.Annotations["summary"], StartsAt: a.StartsAt, EndsAt: a.EndsAt,
			},
			Severity: a.Labels["severity"], Firing: a.Status == "firing",
		})
	}
	return g
}

// AlertReceipt is what has become of what Alertmanager sent.
type AlertReceipt struct {
	Incident string `json:"incident,omitempty" doc:"The incident that the alerts belong to; absent where nobody knew of what has ended." example:"INC-000012"`
	Opened   bool   `json:"opened" doc:"Whether it is new."`
	Began    int    `json:"began" doc:"How many alerts have begun that were not known."`
	Ended    int    `json:"ended" doc:"How many have ended that were known."`
}

type alertReceiptOutput struct{ Body AlertReceipt }

func (s *Server) registerAlerts() {
	register(s, endpoint{
		id: "receive-alerts", method: http.MethodPost, path: "/v1/alerts", tag: tagIncidents, role: token.RoleOperator,
		summary: "Take the webhook of Alertmanager",
		description: "What fires opens an incident, or joins the one of its group that is not resolved: each alert once, by its fingerprint, however often it is sent. " +
			"When the last has ended that is noted, and people resolve the incident. A label whose value must not be read by all who may read incidents has no place in alertname or summary.",
		refused: func(ctx context.Context, _ string, who tenant.Caller, why string) error {
			return s.incidents.Refused(ctx, 0, tenant.ActionOpenIncident, who, why)
		},
	}, func(ctx context.Context, in *alertsInput) (*alertReceiptOutput, error) {
		r, err := s.incidents.Alerted(ctx, in.group(), caller(ctx))
		if err != nil {
			return nil, err
		}
		out := &alertReceiptOutput{Body: AlertReceipt{Opened: r.Opened, Began: r.Began, Ended: r.Ended}}
		if r.Incident != 0 {
			out.Body.Incident = r.Incident.String()
		}
		return out, nil
	})
}
