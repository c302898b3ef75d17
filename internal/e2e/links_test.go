package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/mail/mailtest"
)

// TestAMailKeepsItsLinkAcrossAnotherSecret: the first attempt has made the link,
// and the mail that leaves at last has the same one, although workers make new
// links from a secret that was set meanwhile, and need none for tokens.
func TestAMailKeepsItsLinkAcrossAnotherSecret(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.startAPI()
	before := i.startWorker()
	i.mail.Fail(mailtest.Fault{Status: http.StatusBadRequest})
	first := i.create("Charité")
	i.reaches(first.ID, "NEEDS_ATTENTION")
	before.kill()
	made := value[[]byte](i, `SELECT token_hash FROM invitations`)

	after := i.with(map[string]string{
		"INVITATION_SECRET": "7c0e5a1f9b3d4862a8e6f1c7b5d90234, " + strings.Repeat("e41b7d80", 4), "JWT_SECRET": "",
	})
	after.startWorker()
	i.mail.Recover()
	i.actUntilAccepted(first.ID, "retry")
	tenant := i.becomesActive(first)
	require.Equal(t, made, value[[]byte](i, `SELECT token_hash FROM invitations WHERE tenant_id = $1`, first.TenantID))
	i.setsFirstPassword(tenant)
	i.setsFirstPassword(i.becomesActive(i.create("Another hospital")))
}
