package e2e

import (
	"encoding/json"
	"net/http"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestQuickStartIsPasted takes the example with which the API's document, and so
// the page at /docs, begins. It is pasted until the tenant is ready, and
// creates one however often that is.
func TestQuickStartIsPasted(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	i.start()
	var doc struct{ Info struct{ Description string } }
	require.NoError(t, json.Unmarshal(i.insist(http.MethodGet, "/openapi.json", nil).body, &doc))
	example := regexp.MustCompile("(?s)\n```sh\n(.*?)```").FindStringSubmatch(doc.Info.Description)
	require.NotNil(t, example)

	seen := map[string]bool{}
	paste := func() operation {
		var o operation
		require.NoError(t, json.Unmarshal([]byte(i.types(example[1])), &o))
		seen[o.ID] = true
		return o
	}
	var o operation
	eventually(t, "the tenant of the quick start is ready", func() bool {
		o = paste()
		return o.State == "SUCCEEDED"
	})
	require.Equal(t, o.ID, paste().ID)
	require.Len(t, seen, 1)
	require.Equal(t, "Lakeside Clinic", i.tenant(o.TenantID).Name)
}
