// Package child runs programs that cannot outlive this process.
//
// Two rules keep it from leaving anything behind:
//
//   - Each child leads a process group of its own, so that a terminal's Ctrl-C
//     reaches this process alone, which then stops its children in order.
//   - Where the kernel can (Linux), it signals the child when this process dies;
//     where it cannot, and for a program with children of its own ([Spec.Family]),
//     a [guard] does: a shell that waits on a pipe which only this process holds
//     open.
//
// The package knows nothing of the programs: what one needs is in its [Spec].
// To start one again is to start its Spec again.
package child
