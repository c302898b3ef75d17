// Package statuspage is what everybody may know of how the platform is: its components
// with 90 days of history, maintenance and incidents, as a page, as JSON and as an Atom
// feed. It tells nothing of any tenant.
//
// A Board looks every ten seconds, and makes the three documents anew; visitors get what
// is made and cause no question to anybody. While the database is away it goes on with
// what it knew, also from before a restart where it has a file, and says how old that is.
// History is rows of changes, which every api writes and none twice.
package statuspage
