package main

import (
	"errors"
	"fmt"
)

// Exit codes. Scripts rely on them.
const (
	exitOK        = 0
	exitFailed    = 1
	exitUsage     = 2
	exitAttention = 3
	exitUnfit     = 4
)

const exitHelp = `Exit codes:
  0  done
  1  failed, or was interrupted; the message says what to do
  2  the command line or a file is wrong; nothing was done
  3  a tenant has FAILED, what was waited for has not come about, an operation
     needs attention, a finding is open, or some of many actions were refused
  4  starter doctor has found a failure; with --strict, or a warning`

// usageError is a command line, or a file named by it, that is wrong.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return &usageError{err: fmt.Errorf(format, args...)} }

// attentionError is work that was done, with an end that somebody has to look
// at.
type attentionError struct{ text string }

func (e *attentionError) Error() string { return e.text }

// unfitError is an installation that cannot work, or not as it should.
type unfitError struct{ text string }

func (e *unfitError) Error() string { return e.text }

func (a *app) exitCode(err error) int {
	var usage *usageError
	var attention *attentionError
	var unfit *unfitError
	switch {
	case !a.started, errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &attention):
		return exitAttention
	case errors.As(err, &unfit):
		return exitUnfit
	}
	return exitFailed
}
