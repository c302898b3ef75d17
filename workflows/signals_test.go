package workflows_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"

	"tenant-provisioning/internal/temporalclient"
	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/workflows/runner"
)

func payload(encoding, data string) converter.RawValue {
	return converter.NewRawValue(&commonpb.Payload{
		Metadata: map[string][]byte{converter.MetadataEncoding: []byte(encoding)}, Data: []byte(data),
	})
}

func payloadKey(id string) temporalclient.Key {
	return temporalclient.Key{ID: id, Secret: bytes.Repeat([]byte(id[:1]), 32)}
}

// decrypting decrypts what a client has encrypted, and encrypts nothing itself:
// the test environment would encrypt what is encrypted once more.
type decrypting struct{ *temporalclient.Codec }

func (decrypting) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	return payloads, nil
}

// encrypted is a request that was encrypted with a key of this id, and changed
// afterwards if so told.
func encrypted(t *testing.T, id string, altered bool) converter.RawValue {
	t.Helper()
	codec, err := temporalclient.NewCodec([]temporalclient.Key{payloadKey(id)})
	require.NoError(t, err)
	plain, err := converter.GetDefaultDataConverter().ToPayload(tenant.ActionRequest{Actor: "ada", Reason: "ticket 7"})
	require.NoError(t, err)
	secret, err := codec.Encode([]*commonpb.Payload{plain})
	require.NoError(t, err)
	if altered {
		secret[0].Data[len(secret[0].Data)-1] ^= 1
	}
	return converter.NewRawValue(secret[0])
}

// TestASignalThatMeansNothingIsRefused: it is audited and shown, since nobody
// answers it, and neither kills the run nor holds up what comes after it.
func TestASignalThatMeansNothingIsRefused(t *testing.T) {
	t.Parallel()
	const unreadable, encryption = "its input cannot be read", "its input cannot be decrypted"
	for name, c := range map[string]struct {
		signal string
		input  any
		// action and why are what is audited.
		action, why string
	}{
		"wrong JSON":           {"retry", payload("json/plain", `{"actor":"ada",`), "retry", unreadable},
		"wrong type":           {"skip", "ada", "skip", unreadable},
		"wrong type inside":    {"rollback", payload("json/plain", `{"actor":"ada","reason":7}`), "rollback", unreadable},
		"bytes":                {"retry", []byte("ada"), "retry", unreadable},
		"unknown encoding":     {"retry", payload("text/yaml", `actor: ada`), "retry", unreadable},
		"no encoding":          {"retry", converter.NewRawValue(&commonpb.Payload{Data: []byte(`{}`)}), "retry", unreadable},
		"nothing":              {"retry", nil, "retry", "must say who acts"},
		"altered":              {"retry", encrypted(t, "k1", true), "retry", encryption},
		"of an unknown key":    {"retry", encrypted(t, "k2", false), "retry", encryption},
		"an unknown name":      {"rollbak", tenant.ActionRequest{Actor: "ada", Reason: "ticket 7"}, "signal", `there is no signal "rollbak"`},
		"an unreadable stray":  {"cancel", payload("text/yaml", `actor: ada`), "signal", "temporal workflow cancel"},
		"an undecryptable one": {"stop", encrypted(t, "k1", true), "signal", `there is no signal "stop"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			codec, err := temporalclient.NewCodec([]temporalclient.Key{payloadKey("k1")})
			require.NoError(t, err)
			var s runner.Status
			var shown string
			r := parked(t, func(r *running) {
				r.env.SignalWorkflow(c.signal, c.input)
				r.env.RegisterDelayedCallback(func() {
					s, shown = r.status(t), r.details(t)
					mended(signal(tenant.ActionRetry))(r)
				}, thinking)
			})
			r.env.SetDataConverter(converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), decrypting{codec}))
			require.Equal(t, completed, closing(r.run(t)))
			require.Equal(t, tenant.StateSucceeded, r.model.operation.State)
			require.Len(t, r.model.audits, 2)
			refused := r.model.audits[0]
			require.Equal(t, tenant.OutcomeRefused, refused.Outcome)
			require.Equal(t, c.action, refused.Action)
			require.Contains(t, refused.Detail, c.why)
			require.Equal(t, 1, r.audited(tenant.ActionRetry, tenant.OutcomeAccepted))

			require.NotNil(t, s.LastRefused)
			require.Equal(t, tenant.Action(c.action), s.LastRefused.Action)
			require.Equal(t, refused.Detail, s.LastRefused.Why)
			require.WithinDuration(t, r.env.Now(), s.LastRefused.At, attentionPeriod)
			require.Contains(t, shown, c.action+": "+refused.Detail)
		})
	}
}

// TestNothingOfAnUnreadableSignalIsTakenForAnother that came with it.
func TestNothingOfAnUnreadableSignalIsTakenForAnother(t *testing.T) {
	t.Parallel()
	r := parked(t, func(r *running) {
		r.env.SignalWorkflow("rollback", payload("json/plain", `{"actor":"eve","reason":7}`))
		r.env.SignalWorkflow("rollback", payload("json/plain", `{"reason":"ticket 7"}`))
	})
	require.Equal(t, failed, closing(r.run(t)), "the deadline decided")
	require.Equal(t, 2, r.audited(tenant.ActionRollback, tenant.OutcomeRefused))
	for _, a := range r.model.audits {
		require.Empty(t, a.Actor)
	}
}

// TestTheLastRefusalIsShown, whoever asked and however.
func TestTheLastRefusalIsShown(t *testing.T) {
	t.Parallel()
	for how, ask := range map[string]reaction{"update": update(tenant.ActionSkip), "signal": signal(tenant.ActionSkip)} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			var before, after runner.Status
			var shown string
			r := parked(t, func(r *running) {
				before = r.status(t)
				ask(r)
				r.env.RegisterDelayedCallback(func() { after, shown = r.status(t), r.details(t) }, thinking)
			})
			requireWhole(t, r, r.run(t))
			require.Nil(t, before.LastRefused)
			require.NotNil(t, after.LastRefused)
			require.Equal(t, tenant.ActionSkip, after.LastRefused.Action)
			require.Contains(t, after.LastRefused.Why, "skip is refused: the operation is NEEDS_ATTENTION")
			require.Contains(t, shown, "skip: "+after.LastRefused.Why)
			after.LastRefused = nil
			require.Equal(t, before, after, "nothing else has changed")
		})
	}
}
