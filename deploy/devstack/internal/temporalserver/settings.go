package temporalserver

import (
	"net"
	"strconv"
	"time"

	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/primitives"
)

const (
	clusterName = "active"
	// clusterID is kept in the database; any constant will do.
	clusterID = "7d1f0a2e-6c1e-4b53-9b57-2f4d9b0a0f11"
	// shards: one shard costs a tenth of the throughput, more than 16 gain
	// nothing on one machine (measured).
	shards = 4

	mainStore       = "main"
	visibilityStore = "visibility"
)

// services in the order of their ports.
var services = []primitives.ServiceName{
	primitives.FrontendService, primitives.HistoryService, primitives.MatchingService, primitives.WorkerService,
}

func serverConfig(cfg Config, stores map[string]config.DataStore) *config.Config {
	out := &config.Config{
		Global: config.Global{Membership: config.Membership{MaxJoinDuration: 30 * time.Second, BroadcastAddress: cfg.Host}},
		Persistence: config.Persistence{
			DefaultStore: mainStore, VisibilityStore: visibilityStore, NumHistoryShards: shards, DataStores: stores,
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10, MasterClusterName: clusterName, CurrentClusterName: clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{clusterName: {
				Enabled: true, InitialFailoverVersion: 1, RPCAddress: cfg.Address(), ClusterID: clusterID,
			}},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Services:            map[string]config.Service{},
		PublicClient:        config.PublicClient{HostPort: cfg.Address()},
	}
	out.Archival.History.State, out.Archival.Visibility.State = "disabled", "disabled"
	out.NamespaceDefaults.Archival.History.State = "disabled"
	out.NamespaceDefaults.Archival.Visibility.State = "disabled"
	for i, name := range services {
		out.Services[string(name)] = config.Service{RPC: config.RPC{GRPCPort: cfg.Port + i, BindOnIP: cfg.Host}}
	}
	return out
}

func hosts(cfg Config) map[primitives.ServiceName]static.Hosts {
	out := map[primitives.ServiceName]static.Hosts{}
	for i, name := range services {
		out[name] = static.SingleLocalHost(net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port+i)))
	}
	return out
}

func dynamicConfig() dynamicconfig.Client {
	// By default each shard's queue reader loads 20 times per second: with few
	// shards every hop of a workflow then waits 50 ms (measured: 450 ms against
	// 44 ms for four activities).
	const pollsPerSecond = 2000
	out := dynamicconfig.StaticClient{}
	for key, value := range map[string]any{
		"history.transferProcessorMaxPollRPS":   pollsPerSecond,
		"history.timerProcessorMaxPollRPS":      pollsPerSecond,
		"history.visibilityProcessorMaxPollRPS": pollsPerSecond,
		"history.outboundProcessorMaxPollRPS":   pollsPerSecond,
		"system.enableActivityEagerExecution":   true,
		"system.enableEagerWorkflowStart":       true,
		// Fairness keys of tasks count, as they are meant to in production.
		"matching.enableFairness": true,
		// Search attributes are there as soon as they are registered.
		"system.forceSearchAttributesCacheRefreshOnRead": true,
		// Test packages list workflows in parallel; the default is 10 per second.
		"frontend.namespaceRPS.visibility": 1000,
		"frontend.namespaceRPS":            20000,
		// One registers a namespace per test package; the default is 1 per second.
		"frontend.namespaceRPS.namespaceReplicationInducingAPIs": 100,
	} {
		out[dynamicconfig.MakeKey(key)] = value
	}
	return out
}
