// Package pgserver runs a private PostgreSQL server: it finds the program on the
// machine or fetches it once, makes the data directory, and says how to launch
// it as a child process.
//
// fergusstrange/embedded-postgres serves only as the fetcher, for it knows where
// the builds for each platform are and checks their sums. Its own launcher is
// not used: it refuses root, leaves the server running when its parent crashes,
// and deletes a data directory of another version.
//
// PostgreSQL refuses to run as root, which is what one is in most containers.
// [Identity] gets around that without a user account.
package pgserver
