// Package feed brings what changes to all who follow it: any number of them at the
// cost of one reader, which a notification wakes. The database is asked once for each
// change, and by a follower only to catch up.
package feed
