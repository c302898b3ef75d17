package liveness

import "github.com/prometheus/client_golang/prometheus"

var (
	workers  = prometheus.NewDesc("provisioning_workers", "Workers that were seen of late: working ones take work, waiting ones say why they do not.", []string{"state"}, nil)
	lastSeen = prometheus.NewDesc("provisioning_worker_silence_seconds", "How long ago any worker was seen; missing where none ever was.", nil, nil)
	trouble  = prometheus.NewDesc("provisioning_worker_trouble", "1 while operations are not worked on, by what is wrong.", []string{"trouble"}, nil)
)

// Describe implements prometheus.Collector.
func (w *Watch) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{workers, lastSeen, trouble} {
		descs <- d
	}
}

// Collect implements prometheus.Collector. While the database is away the
// numbers are missing.
func (w *Watch) Collect(metrics chan<- prometheus.Metric) {
	now, known := w.Last()
	if !known {
		return
	}
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	gauge(workers, float64(now.Working), "working")
	gauge(workers, float64(now.Living-now.Working), "waiting")
	if now.Silence >= 0 {
		gauge(lastSeen, now.SilentSeconds)
	}
	if now.Trouble != "" {
		gauge(trouble, 1, string(now.Trouble))
	}
}
