package e2e

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/client"
	"tenant-provisioning/internal/postgres/postgrestest"
)

// TestADatabaseThatTheOperationsGuidePrepares has every right that is needed, and no
// more: on a new server of its own, by the statements of the guide.
func TestADatabaseThatTheOperationsGuidePrepares(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t).Superuser()
	_, section, _ := strings.Cut(text(t, filepath.Join("..", "..", "docs", "OPERATIONS.md")), "\n## Database\n")
	_, statements, _ := strings.Cut(section, "```sql\n\\getenv password PLATFORM_PASSWORD\n")
	statements, _, found := strings.Cut(statements, "```")
	require.True(t, found)
	statements = strings.ReplaceAll(statements, ":'password'", "'of-the-guide'")
	postgrestest.Execute(t, server, strings.Split(strings.TrimSpace(statements), ";\n")...)

	i := install(t, nil)
	i = i.with(map[string]string{
		"DB_HOST": server.Host, "DB_PORT": strconv.Itoa(server.Port), "DB_NAME": "platform",
		"DB_USERNAME": "platform", "DB_PASSWORD": "of-the-guide", "TEMPORAL_NAMESPACE": i.env["TEMPORAL_NAMESPACE"] + "-guide",
	})
	i.output("migrate")
	i.output("setup", "--wait", "1m")
	said := i.output("doctor", "--before", "--only", "database", "--strict", "--apis", "1", "--workers", "1")
	require.Contains(t, said, "platform may make roles and schemas, and has nothing beyond that it does not need\n")
	i.start()
	o := i.create("Charité")
	i.reaches(o.ID, "SUCCEEDED")
	for _, action := range []string{"suspend", "resume", "archive", "purge"} {
		i.output(action, o.TenantID, "--reason", "ticket 4711", "--wait")
	}
	require.Equal(t, client.Status("DELETED"), i.tenant(o.TenantID).Status)
}
