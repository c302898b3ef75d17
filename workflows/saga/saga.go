// Package saga is the undo stack of a workflow. It knows nothing of what is
// undone: it may import the standard library and the SDK's workflow package
// only.
package saga

import "go.temporal.io/sdk/workflow"

// Undo is one thing that can be undone. It must tolerate that what it undoes
// never happened: it is registered before the step runs, since a step that
// failed half-way is undone too.
type Undo struct {
	// Name tells the undo in logs and decisions.
	Name string
	// Run undoes. It gets a context that a cancel of the workflow does not
	// reach.
	Run func(workflow.Context) error
}

// Failure is an undo that did not succeed.
type Failure struct {
	Name string
	Err  error
}

// Stack holds what is still to be undone, in the order in which it was done.
type Stack struct {
	undos []Undo
}

// Push registers an undo. Do it before the step.
func (s *Stack) Push(u Undo) { s.undos = append(s.undos, u) }

// Len is the number of undos that are left.
func (s *Stack) Len() int { return len(s.undos) }

// Names lists the undos that are left, newest first: the order in which they
// run.
func (s *Stack) Names() []string {
	names := make([]string, 0, len(s.undos))
	for i := len(s.undos) - 1; i >= 0; i-- {
		names = append(names, s.undos[i].Name)
	}
	return names
}

// Drop removes an undo that will not be done.
func (s *Stack) Drop(name string) {
	kept := s.undos[:0]
	for _, u := range s.undos {
		if u.Name != name {
			kept = append(kept, u)
		}
	}
	s.undos = kept
}

// Unwind runs every undo once, newest first, out of reach of a cancel. One
// that fails does not hold up the others: it stays on the stack and is
// reported. When nothing is returned, the stack is empty.
func (s *Stack) Unwind(ctx workflow.Context) []Failure {
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	var failures []Failure
	var left []Undo
	for i := len(s.undos) - 1; i >= 0; i-- {
		if err := s.undos[i].Run(ctx); err != nil {
			failures = append(failures, Failure{Name: s.undos[i].Name, Err: err})
			left = append([]Undo{s.undos[i]}, left...)
		}
	}
	s.undos = left
	return failures
}
