// Package process starts child processes that cannot outlive the supervisor,
// stops them in order and, if asked, starts them again when they end.
//
// Three rules keep a stack from leaving anything behind:
//
//   - Each child leads a process group of its own, so that a terminal's Ctrl-C
//     reaches the supervisor alone, which then stops its children in order.
//   - Where the kernel can (Linux), it signals the child when the supervisor
//     dies; where it cannot, and for a user's command with children of its own,
//     a [guard] does: a shell that waits on a pipe which only the supervisor
//     holds open.
//   - Children may inherit an open, locked file ([Spec.Alive]): as long as any
//     of them lives, the lock is held, so that the next supervisor knows when
//     the last of them is gone, whatever became of the process that started it.
//
// The package knows nothing of databases or servers: what a child needs is in
// its [Spec].
package process
