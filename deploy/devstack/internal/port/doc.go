// Package port picks the TCP ports of a stack on the loopback interface.
//
// A port that is merely free now may be taken before its server listens. Two
// things keep it: ports are chosen below the range from which the kernel serves
// "any free port" (32768 and up on Linux), and each chosen port is leased by a
// locked file for as long as the supervisor lives, so that two stacks never
// choose the same one, even while a server is down and about to be restarted.
package port
