package config

import (
	"fmt"
	"regexp"
	"strings"
)

// serviceLink is what Kubernetes puts into the environment of every container
// for each Service of its namespace, and what Docker did for linked containers:
// for a Service called redis, REDIS_PORT=tcp://10.96.12.7:6379.
var serviceLink = regexp.MustCompile(`^(?:tcp|udp|sctp)://(?:\[[0-9A-Fa-f:.]+\]|[^\s/@?#:\[\]]+):[0-9]{1,5}$`)

// isServiceLink tells such a variable from a setting: nothing that has a port's
// number for its value has an address of this form.
func isServiceLink(name, value string) bool {
	return strings.Contains(name, "_PORT") && serviceLink.MatchString(value)
}

// noteLink warns once of each setting whose name a Service has taken.
func (r *reader) noteLink(name string) {
	value, linked := r.source.linked[name]
	if !linked {
		return
	}
	delete(r.source.linked, name) // it is told once
	service := strings.ToLower(strings.ReplaceAll(strings.TrimSuffix(name, "_PORT"), "_", "-"))
	r.warnings = append(r.warnings, fmt.Sprintf(
		"%s=%s is taken for not set: it is what Kubernetes sets for a Service called %q; set enableServiceLinks: false in the pod's spec, or give %s a value of its own there",
		name, value, service, name))
}
