package stack

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"text/tabwriter"

	"tenant-provisioning/deploy/devstack/internal/port"
)

// Table shows where everything is.
func (s *Stack) Table() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range [][2]string{
		{"PostgreSQL", fmt.Sprintf("%s/%s (%s)", port.Address(s.ports.postgres), database, s.notes["postgres"])},
		{"Redis", fmt.Sprintf("%s (%s)", port.Address(s.ports.redis), s.notes["redis"])},
		{"Temporal", s.values["TEMPORAL_ADDRESS"]},
		{"Temporal UI", s.values["TEMPORAL_UI_URL"]},
		{"Stellar RPC", fmt.Sprintf("%s (a ledger each %s)", s.values["SOROBAN_RPC_URL"], s.cfg.LedgerInterval)},
		{"mail", s.values["MAIL_CATCHER_URL"]},
		{"environment", fmt.Sprintf("set -a; . %s; set +a", s.cfg.EnvFile)},
		{"logs", s.cfg.path("logs")},
	} {
		fmt.Fprintf(w, "  %s\t%s\n", row[0], row[1])
	}
	// It writes to memory, which cannot fail.
	_ = w.Flush()
	return b.String()
}

// newLogger turns what supervised processes log into lines for people.
func newLogger(say func(string, ...any)) *slog.Logger { return slog.New(sayHandler{say: say}) }

type sayHandler struct {
	say   func(string, ...any)
	attrs []slog.Attr
}

func (h sayHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

func (h sayHandler) Handle(_ context.Context, r slog.Record) error {
	line := r.Message
	for _, a := range h.attrs {
		if a.Key == "component" {
			line = a.Value.String() + ": " + line
		}
	}
	r.Attrs(func(a slog.Attr) bool {
		line += fmt.Sprintf(" (%s %s)", a.Key, a.Value)
		return true
	})
	h.say("%s", line)
	return nil
}

func (h sayHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return sayHandler{say: h.say, attrs: append(h.attrs[:len(h.attrs):len(h.attrs)], attrs...)}
}

func (h sayHandler) WithGroup(string) slog.Handler { return h }
