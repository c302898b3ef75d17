// Package supervisor starts the programs of the stack, waits until they serve
// and, if asked, starts them again when they end; and it runs a user's command on
// the stack. What a failed program's log means for the user is in Advise.
package supervisor
