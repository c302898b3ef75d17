package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// overruns makes a window of three seconds with an item of people's, begins it and waits
// until it has not come to its end.
func (i *installation) overruns() (window string) {
	i.t.Helper()
	window = value[string](i, `INSERT INTO maintenance_windows (id, title, mode, starts_at, ends_at, decided)
		VALUES (gen_random_uuid(), 'Patches', 'read-only', now() + interval '1 hour', now() + interval '1 hour 3 seconds', true) RETURNING id::text`)
	i.execute(`INSERT INTO maintenance_tasks (window_id, position, name, manual) VALUES ($1, 0, 'Security patches', true)`, window)
	i.output("maintenance", "start", window, "--reason", "a test")
	eventually(i.t, "the window overruns", func() bool {
		return value[bool](i, `SELECT overrun_at IS NOT NULL FROM maintenance_windows WHERE id = $1`, window)
	})
	return window
}

// TestRunbookOfAnOverrun follows the page from the alert to the end.
func TestRunbookOfAnOverrun(t *testing.T) {
	t.Parallel()
	i := install(t, told)
	i.start()
	window := i.overruns()
	i.awaitNotices(2) // that it is there, and that it goes on longer
	i.follow(operation{}, "window-overrun.md")
	require.Equal(t, "COMPLETED", value[string](i, `SELECT state FROM maintenance_windows WHERE id = $1`, window))
	require.Equal(t, "DONE", value[string](i, `SELECT state FROM maintenance_tasks WHERE window_id = $1 AND manual`, window))
	i.becomesActive(i.create("Charité"))
	require.Contains(t, i.output("maintenance", "list"), "COMPLETED")
}
