// Command dockerlint checks Dockerfiles by the rules of "docker build --check",
// without Docker and without a network: of base images it knows nothing.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: dockerlint Dockerfile…")
		os.Exit(2)
	}
	failed := false
	for _, file := range os.Args[1:] {
		problems, err := lint(file)
		if err != nil {
			problems = append(problems, err.Error())
		}
		for _, p := range problems {
			failed = true
			fmt.Fprintf(os.Stderr, "%s: %s\n", file, p)
		}
	}
	if failed {
		os.Exit(1)
	}
}

// lint lists what is wrong with the file, of all its stages.
func lint(file string) ([]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	source := llb.NewSourceMap(nil, file, "Dockerfile", text)
	source.Definition = &llb.Definition{} // it came from nowhere
	found, err := dockerfile2llb.DockerfileLint(context.Background(), text, dockerfile2llb.ConvertOpt{
		MetaResolver: unknownBase{},
		SourceMap:    source,
	})
	if err != nil {
		return nil, err
	}
	var problems []string
	for _, w := range found.Warnings {
		line := int32(0)
		if ranges := w.Location.GetRanges(); len(ranges) > 0 {
			line = ranges[0].GetStart().GetLine()
		}
		problems = append(problems, fmt.Sprintf("line %d: %s: %s", line, w.RuleName, w.Detail))
	}
	if found.Error != nil {
		problems = append(problems, found.Error.Message)
	}
	return problems, nil
}

// unknownBase is every base image: one of this machine's platform, with nothing in
// its configuration.
type unknownBase struct{}

func (unknownBase) ResolveImageConfig(_ context.Context, ref string, _ sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	config, err := json.Marshal(ocispecs.Image{Platform: ocispecs.Platform{OS: "linux", Architecture: runtime.GOARCH}})
	return ref, digest.FromBytes(config), config, err
}
