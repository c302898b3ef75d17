package config

import (
	"fmt"
	"os"
	"slices"
)

// APIPort is where the api of this environment listens, for a program that asks
// it: APP_PORT alone is read, so that no other setting can be wrong.
func APIPort(opts Options) (int, error) {
	r, err := newReader(opts)
	if err != nil {
		return 0, err
	}
	return r.app().Port, r.about("APP_PORT")
}

// WorkerAddr is where the worker of this environment listens; as APIPort.
func WorkerAddr(opts Options) (string, error) {
	r, err := newReader(opts)
	if err != nil {
		return "", err
	}
	return r.metrics().Addr, r.about("METRICS_ADDR")
}

func newReader(opts Options) (*reader, error) {
	if opts.Environ == nil {
		opts.Environ = os.Environ()
	}
	src, err := newSource(opts.Environ, opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return &reader{source: src}, nil
}

// about is what is wrong with one setting.
func (r *reader) about(name string) error {
	if i := slices.IndexFunc(r.problems, func(p Problem) bool { return p.Name == name }); i >= 0 {
		return &Error{Problems: r.problems[i : i+1]}
	}
	return nil
}
