package build

import "github.com/prometheus/client_golang/prometheus"

// Metric is build_info: always 1, and its labels say what runs.
func Metric() prometheus.Collector {
	i := This()
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "build_info",
		Help:        "Always 1; the labels say which build this process is.",
		ConstLabels: prometheus.Labels{"version": i.Version, "revision": i.Revision, "goversion": i.Go},
	}, func() float64 { return 1 })
}
