package check

import (
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"tenant-provisioning/internal/config"
)

// given are the variables of a container, however it gets them: a value for each
// that it would read, with the marks of [named]; and the names of mounted secrets.
type given struct {
	values map[string]string
	files  []string
}

// foreign are variables that containers have for the Go runtime.
var foreign = []string{"GOMEMLIMIT"}

// differences lists what a process would read and does not get, and what it gets
// and does not read.
func differences(process config.Process, g given) []string {
	var found []string
	rest := maps.Clone(g.values)
	for _, name := range foreign {
		delete(rest, name)
	}
	expected := named()
	for _, s := range catalogue {
		if s.Readers&process == 0 || strings.HasSuffix(s.Name, "*") {
			continue
		}
		plain, isPlain := rest[s.Name]
		file, isFile := rest[s.Name+"_FILE"]
		delete(rest, s.Name)
		delete(rest, s.Name+"_FILE")
		path := "/run/secrets/" + s.Name
		switch {
		case !isPlain && !isFile:
			found = append(found, s.Name+": is missing")
		case s.Secret && !isFile:
			found = append(found, s.Name+": is secret, and no file")
		case s.Secret && file != path, !s.Secret && plain != expected[s.Name]:
			found = append(found, s.Name+": has another's value")
		case s.Secret && !slices.Contains(g.files, path):
			found = append(found, s.Name+": its file is not mounted")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(rest)) {
		found = append(found, name+": is no setting")
	}
	return found
}

// fromCompose are the variables of a service.
func fromCompose(s types.ServiceConfig) given {
	g := given{values: environment(s)}
	for _, secret := range s.Secrets {
		target := secret.Target
		if target == "" {
			target = "/run/secrets/" + secret.Source
		}
		g.files = append(g.files, target)
	}
	return g
}
