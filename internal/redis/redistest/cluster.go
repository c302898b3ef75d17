package redistest

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// slots are as many as every cluster has.
const slots = 16384

// StartCluster runs real servers as one cluster without replicas, each with an
// equal part of the keys.
func StartCluster(t testing.TB, nodes int) []*Server {
	t.Helper()
	servers := make([]*Server, nodes)
	for i := range servers {
		_, bus := free(t)
		servers[i] = StartReal(t, "--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-node-timeout", "60000")
		first, last := i*slots/nodes, (i+1)*slots/nodes-1
		servers[i].Do(t, "CLUSTER", "ADDSLOTSRANGE", first, last)
		host, port, err := net.SplitHostPort(servers[i].Addr)
		require.NoError(t, err)
		servers[0].Do(t, "CLUSTER", "MEET", host, port, bus)
	}
	for _, s := range servers {
		require.Eventually(t, func() bool {
			info := fmt.Sprint(s.Do(t, "CLUSTER", "INFO"))
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, fmt.Sprintf("cluster_known_nodes:%d", nodes))
		}, startLimit, 20*time.Millisecond, "the cluster does not come together")
	}
	return servers
}
