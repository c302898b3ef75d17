package doctor_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/doctor"
)

func says(name, text string) doctor.Check {
	return doctor.Check{Name: name, Ask: func(context.Context) doctor.Verdict { return doctor.Verdict{State: doctor.OK, Says: text} }}
}

// TestWhatHangsHoldsNothingUp, whether it minds its context or not: its line says
// so, the others are as they would be.
func TestWhatHangsHoldsNothingUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		over := make(chan struct{})
		defer close(over)
		began := time.Now()
		lines := doctor.Examine(t.Context(), doctor.Within, []doctor.Subject{
			{Name: "deaf", Server: doctor.Check{Name: "server", Ask: func(context.Context) doctor.Verdict {
				<-over
				return doctor.Verdict{}
			}}, Checks: []doctor.Check{says("more", "never asked")}},
			{Name: "slow", Server: says("server", "is there"), Checks: []doctor.Check{
				{Name: "patient", Ask: func(ctx context.Context) doctor.Verdict {
					<-ctx.Done()
					return doctor.Verdict{State: doctor.Failure, Says: "the table is locked"}
				}},
				says("quick", "answers"),
			}},
			{Name: "sound", Server: says("server", "is there")},
		})
		require.Less(t, time.Since(began), 2*doctor.Within)
		require.Len(t, lines, 5)
		require.Equal(t, doctor.Failure, lines[0].State)
		require.Contains(t, lines[0].Says, "no answer within 5s (not looked at for that reason: more)")
		require.Equal(t, []string{"is there", "the table is locked", "answers", "is there"},
			[]string{lines[1].Says, lines[2].Says, lines[3].Says, lines[4].Says})
		require.Equal(t, doctor.Within, lines[2].Took)
	})
}

// TestAServerThatIsAwayIsOneFailure, which names what is not known for that reason.
func TestAServerThatIsAwayIsOneFailure(t *testing.T) {
	t.Parallel()
	lines := doctor.Examine(t.Context(), doctor.Within, []doctor.Subject{
		doctor.ExamineRedis(redisFacts{err: errors.New("connection refused")}, false),
		doctor.Unfit("mail", errors.New("MAIL_USER and MAIL_PASSWORD go together")),
	})
	require.Len(t, lines, 2)
	require.Equal(t, doctor.Failure, lines[0].State)
	require.Contains(t, lines[0].Says, "connection refused (not looked at for that reason: role, memory, policy, rights)")
	require.Contains(t, lines[0].Mend, "REDIS_HOST")
	require.Contains(t, lines[1].Says, "MAIL_USER")
}
