package main

import (
	"fmt"
	"strings"

	"github.com/rivo/uniseg"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/output"
)

// table is what was made, one line for each tenant; or a few lines for each,
// where the terminal is too narrow for a contract's whole address beside the
// rest.
func (v view) table(lines []line) string {
	rows := make([][]string, len(lines))
	for i, l := range lines {
		rows[i] = []string{l.name, l.outcome(), l.schema, l.contract, l.took()}
	}
	grid := output.Grid([]string{"TENANT", "STATE", "SCHEMA", "CONTRACT", "SECONDS"}, rows)
	if v.width == 0 || uniseg.StringWidth(widest(grid)) <= v.width {
		return grid
	}
	var b strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&b, "%s\n", output.Visible(l.name))
		for _, p := range [][2]string{{"state", l.outcome()}, {"schema", l.schema}, {"contract", l.contract}, {"seconds", l.took()}} {
			if p[1] != "" {
				fmt.Fprintf(&b, "  %-9s %s\n", p[0], p[1])
			}
		}
	}
	return b.String()
}

// outcome is the tenant's status, and the operation's state where it is not
// what it should be.
func (l line) outcome() string {
	switch {
	case l.operationID == "":
		return "REFUSED"
	case l.good() || l.state == tenant.StatePending:
		return string(l.status)
	}
	return string(l.status) + " / " + string(l.state)
}

func (l line) took() string {
	if l.seconds <= 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", l.seconds)
}

func widest(text string) string {
	longest := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if uniseg.StringWidth(line) > uniseg.StringWidth(longest) {
			longest = line
		}
	}
	return longest
}

// checked sums up the checks by what was looked at, and tells each that found
// something wrong.
func (v view) checked(checks []check) string {
	var b strings.Builder
	b.WriteString("Looked at as a user would:\n")
	for _, what := range []string{checkSchema, checkContract, checkMail, checkInvitation} {
		good, all := 0, 0
		var wrong strings.Builder
		for _, c := range checks {
			if c.what != what {
				continue
			}
			all++
			if c.err == nil {
				good++
				continue
			}
			fmt.Fprintf(&wrong, "      %s: %s\n", output.Visible(c.tenant), output.Visible(c.err.Error()))
		}
		sign := v.paint(green, "✓")
		if good < all || all == 0 {
			sign = v.paint(red, "✗")
		}
		fmt.Fprintf(&b, "  %s %d of %d: %s\n%s", sign, good, all, what, wrong.String())
	}
	return b.String()
}

// places is where to look, and what to paste.
type places struct {
	api, temporalUI, namespace, mail string
	tenant, invitation               string
}

func (p places) String() string {
	var b strings.Builder
	b.WriteString("Have a look:\n")
	rows := [][2]string{
		{"API, with its documentation", p.api + "/docs"},
		{"the runs in Temporal", p.temporalUI + "/namespaces/" + p.namespace + "/workflows"},
		{"the mails that were sent", p.mail},
	}
	if p.invitation != "" {
		rows = append(rows, [2]string{"the invitation to " + output.Visible(p.tenant), p.invitation})
	}
	width := 0
	for _, r := range rows {
		width = max(width, len([]rune(r[0])))
	}
	for _, r := range rows {
		fmt.Fprintf(&b, "  %s  %s\n", pad(r[0], width), r[1])
	}
	b.WriteString(`
To paste into another terminal, in this folder:
  set -a; . .devstack/env; set +a
  curl -H "Authorization: Bearer $(bin/starter token --role viewer)" "$APP_URL/v1/tenants"
  bin/starter list
`)
	return b.String()
}
