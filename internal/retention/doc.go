// Package retention says for how long logs are kept, and finds them again: provisioning
// logs leave the database for the backup store, the audit log stays for years.
//
// An object of the store has lines of JSON, compressed (zstd). Lines are deleted from the
// database in the transaction that notes the object, which was read back before. Each
// object is noted as a draft before it is written, by which a later round finds and removes
// what a round that was killed has left.
package retention
