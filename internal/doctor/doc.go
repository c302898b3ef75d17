// Package doctor looks at an installation from outside and says, a line for each
// thing, how it stands with it, what that means and how to mend it: whether what
// the settings name is there, fits, and has room.
//
// Adapters tell facts (the interfaces and structs that they fill are declared
// here); only this package judges them, so that a bound and its reason stand in
// one place. It changes nothing: what it asks leaves no trace but a file in the
// log folder, which it removes, and a count in Redis, which ends by itself.
//
// It must not know an adapter, the configuration or Temporal's client.
package doctor
