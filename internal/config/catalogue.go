package config

import "slices"

// Process is a binary, or several of them.
type Process uint

// The binaries. Combine them with |.
const (
	API Process = 1 << iota
	Worker
	Starter
)

// Setting is a variable that can be set, as whoever sets it has to know it.
type Setting struct {
	// Name is how it is written; the older Aliases are understood too. A name that
	// ends in * is the beginning of any number of names.
	Name    string
	Aliases []string
	// Default holds when it is not set, with NODE_ENV=development. Empty: there is
	// none, and its Entry says what that means.
	Default string
	// From names the setting whose value Default is, if it is another's.
	From string
	// Expected says what a value looks like.
	Expected string
	// Secret values are never shown, and belong into a file or a Secret.
	Secret bool
	// Readers are the processes that read it.
	Readers Process
	// Required are the processes that do not start without it when nothing else
	// is set; RequiredInProduction those with NODE_ENV=production.
	Required, RequiredInProduction Process
}

// Catalogue lists every setting once: what the readers ask for, and not a list
// beside them. What they mean is in Chapters.
func Catalogue() []Setting {
	var all []Setting
	for _, environ := range probes {
		all = API.note(all, NeedByAPI, environ)
		all = Worker.note(all, NeedByWorker, environ)
		all = Starter.note(all, NeedByStarter, environ)
	}
	return all
}

// probes are environments in which, together, every setting is asked for. The
// first two have nothing that is not there by itself.
var probes = []map[string]string{
	{},
	{"NODE_ENV": string(Production)},
	{ // what is read only beside something else
		"NOTIFY_EMAIL": "a@example.org", "MAIL_FROM": "a@example.org", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318",
		"MAIL_TRANSPORT": string(SendGrid), "MAIL_BACKUP_TRANSPORT": string(SendGrid),
	},
}

// note adds what the process asks for in an environment.
func (p Process) note(all []Setting, needs Section, environ map[string]string) []Setting {
	r := &reader{source: &source{layers: []layer{func(name string) string { return environ[name] }}}}
	r.config(needs)
	for _, a := range r.asked {
		i := slices.IndexFunc(all, func(s Setting) bool { return s.Name == a.name })
		if i < 0 {
			i = len(all)
			all = append(all, Setting{Name: a.name, Aliases: a.aliases, Default: a.def, From: a.from, Expected: a.want, Secret: a.secret})
		}
		s := &all[i]
		s.Readers |= p
		if len(environ) > 1 || !slices.ContainsFunc(r.problems, func(p Problem) bool { return p.Name == a.title() }) {
			continue
		}
		s.RequiredInProduction |= p
		if len(environ) == 0 {
			s.Required |= p
		}
	}
	return all
}
