package stack

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"time"

	"tenant-provisioning/deploy/devstack/internal/supervisor"
	"tenant-provisioning/internal/child"
)

// setUp runs the product's own command, so that a stack is made ready exactly as
// an installation is. Both steps may be run again.
func (s *Stack) setUp(orderly, hard context.Context) error {
	if s.cfg.Starter == "" {
		return nil
	}
	for _, step := range []struct{ verb, what string }{
		{"migrate", "migrating the database"},
		{"setup", "registering namespace and search attributes, uploading the contract"},
	} {
		s.cfg.Say("%s", step.what)
		var out bytes.Buffer
		status, err := supervisor.Run(orderly, hard, child.Spec{
			Path: s.cfg.Starter, Args: []string{step.verb}, Env: s.values.Over(os.Environ()),
			Stdout: &out, Stderr: &out, Grace: 10 * time.Second,
		})
		if err == nil && orderly.Err() != nil {
			err = context.Cause(orderly)
		}
		if err != nil {
			return fmt.Errorf("run %s %s: %w", s.cfg.Starter, step.verb, err)
		}
		if status != 0 {
			return fmt.Errorf("%s %s ended with status %d; its output:\n%s", s.cfg.Starter, step.verb, status, out.String())
		}
	}
	return nil
}
