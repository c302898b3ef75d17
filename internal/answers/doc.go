// Package answers keeps answers that are asked for again, where all processes find
// them, and knows which of them are still true.
//
// An answer is kept with the snapshot of the database that it was read in: every
// transaction before that one is in it. What it is about has a floor, the latest
// transaction that is known to have changed it. An answer is true while its floor is
// in its snapshot. So nothing has to be removed when something changes, an answer
// that is kept while its subject changes is not used, and no clock is compared.
package answers
