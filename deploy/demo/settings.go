package main

import (
	"fmt"
	"net"
	"os"

	"tenant-provisioning/internal/config"
)

// settings are those of the product, and the two addresses that only people
// and tests look at.
type settings struct {
	*config.Config
	mailCatcher string
	temporalUI  string
}

func loadSettings() (settings, error) {
	s := settings{mailCatcher: os.Getenv("MAIL_CATCHER_URL"), temporalUI: os.Getenv("TEMPORAL_UI_URL")}
	cfg, err := config.Load(config.Options{},
		config.NeedApp|config.NeedDB|config.NeedJWT|config.NeedSoroban|config.NeedTemporal|config.NeedMetrics)
	if err != nil {
		return s, fmt.Errorf("%w\nThe demo runs on the embedded stack: make demo", err)
	}
	if s.mailCatcher == "" || s.temporalUI == "" {
		return s, fmt.Errorf("MAIL_CATCHER_URL and TEMPORAL_UI_URL are not set: the demo runs on the embedded stack: make demo")
	}
	s.Config = cfg
	return s, nil
}

// workerURL is where the worker tells whether it is ready.
func (s settings) workerURL() (string, error) {
	host, port, err := net.SplitHostPort(s.Metrics.Addr)
	if err != nil {
		return "", fmt.Errorf("read METRICS_ADDR: %w", err)
	}
	if host == "" {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port), nil
}
