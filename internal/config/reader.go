package config

import (
	"fmt"
	"slices"
	"strings"
)

// setting names one variable.
type setting struct {
	name    string
	aliases []string
	def     string
	// from is the setting whose value def is, for the catalogue.
	from     string
	required bool
	// secret keeps the value out of problems.
	secret bool
	// hint says where a required value comes from, after what is expected.
	hint string
}

func (s setting) title() string {
	if len(s.aliases) == 0 {
		return s.name
	}
	return s.name + " (or " + strings.Join(s.aliases, ", ") + ")"
}

// kind is a sort of value: how it is described to whoever has to correct it,
// and how it is parsed.
type kind[T any] struct {
	want  string
	parse func(string) (T, bool)
}

// reader reads settings and collects what is wrong with them.
type reader struct {
	source     *source
	production bool
	problems   []Problem
	warnings   []string
	// asked are the settings that were asked for, in that order, for the catalogue.
	asked []asked
}

// asked is a setting, and what its value is expected to be.
type asked struct {
	setting
	want string
}

func (r *reader) problem(set setting, format string, args ...any) {
	p := Problem{Name: set.title(), Message: fmt.Sprintf(format, args...)}
	if !slices.Contains(r.problems, p) {
		r.problems = append(r.problems, p)
	}
}

// read gives the value of one setting, its default, or the zero value after
// noting a problem.
func read[T any](r *reader, set setting, k kind[T]) T {
	var zero T
	r.asked = append(r.asked, asked{set, k.want})
	for _, name := range append([]string{set.name}, set.aliases...) {
		r.noteLink(name)
	}
	text, err := r.source.lookup(set)
	if err != nil {
		r.problem(set, "%v", err)
		return zero
	}
	if text == "" {
		text = set.def
	}
	if text == "" {
		if set.required {
			r.problem(set, "missing; expected %s%s", k.want, set.hint)
		}
		return zero
	}
	value, ok := k.parse(text)
	switch {
	case !ok && (set.secret || mayHoldSecret(text)):
		r.problem(set, "the value (not shown) is not valid; expected %s", k.want)
	case !ok:
		r.problem(set, "%q is not valid; expected %s", text, k.want)
	}
	if !ok {
		return zero
	}
	return value
}

// mayHoldSecret tells addresses that name a user or have a query: passwords and
// API keys stand there, also in a setting that was to have a host's name.
func mayHoldSecret(text string) bool {
	_, rest, isURL := strings.Cut(text, "://")
	return isURL && strings.ContainsAny(rest, "@?")
}

// readSecret reads a value that is never shown and, in production, refuses one
// that anybody could know or guess.
func readSecret[T any](r *reader, set setting, k kind[T]) T {
	set.secret = true
	value := read(r, set, k)
	if r.production {
		if text, err := r.source.lookup(set); err == nil && isDemo(text) {
			r.problem(set, "the value (not shown) is one of the demo's or of an example; expected a secret of your own with NODE_ENV=production")
		}
	}
	return value
}

// isSet says that there is a value for the variable, even a wrong one.
func (r *reader) isSet(name string) bool {
	text, err := r.source.lookup(setting{name: name})
	return text != "" || err != nil
}
