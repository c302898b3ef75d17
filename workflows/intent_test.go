package workflows_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"

	"tenant-provisioning/internal/temporalclient"
)

// longestSummary is what Temporal takes of one, in bytes.
const longestSummary = 400

// TestTimersSayWhatToPress: Temporal Web UI shows beside each timer what is
// waited for, what may be done, and what its end does. An encrypted one fits
// too.
func TestTimersSayWhatToPress(t *testing.T) {
	t.Parallel()
	codec, err := temporalclient.NewCodec([]temporalclient.Key{payloadKey("key-of-november-2026")})
	require.NoError(t, err)
	for name, parts := range map[string][]string{
		"parked-retried":     {"DEPLOY_SOROBAN_CONTRACT has failed", "press retry or rollback", "starter status ", "everything is rolled back"},
		"mail-skipped":       {"SEND_WELCOME_EMAIL has failed", "press retry or skip", "starter status ", "the failed step is given up"},
		"suspend-told-again": {"SUSPEND_CONTRACT has failed", "press retry or skip or rollback", "starter status ", "people are told again"},
		"undo-retried":       {"an undo is blocked", "press retry or skip", "starter status ", "it is tried again"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := shapes(t)
			s := all[slices.IndexFunc(all, func(s shape) bool { return s.name == name })]
			r := servedOn(t, s.of.model())
			s.arrange(r)
			history, _ := r.run(t)
			var summaries []*commonpb.Payload
			for _, event := range history.GetEvents() {
				if event.GetEventType() == enumspb.EVENT_TYPE_TIMER_STARTED {
					summaries = append(summaries, event.GetUserMetadata().GetSummary())
				}
			}
			require.NotEmpty(t, summaries)
			for _, summary := range summaries {
				var text string
				require.NoError(t, converter.GetDefaultDataConverter().FromPayload(summary, &text))
				for _, part := range append(parts, string(r.input.Operation)) {
					require.Contains(t, text, part)
				}
				encrypted, err := codec.Encode([]*commonpb.Payload{summary})
				require.NoError(t, err)
				require.LessOrEqual(t, proto.Size(encrypted[0]), longestSummary)
			}
		})
	}
}
