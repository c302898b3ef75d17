// Package stack puts the components together: it picks their ports, starts them
// in the order that they need, makes the product ready on them (database
// migrated, namespace and search attributes registered, accounts funded,
// contract uploaded), writes the environment file, and stops all in order.
//
// Everything that a stack keeps is in one directory:
//
//	env            addresses and secrets as NAME=value, while it is ready
//	pids/NAME      of the components that are processes of their own
//	logs/NAME.log
//	secrets.json   made once
//	postgres/ redis/ stellar/ mail.jsonl
//	lock, alive    who uses the directory
package stack
