// Package activities holds the steps of a provisioning and their undos: one
// file and one small struct per step, with the interface that it needs.
//
// Every activity may run twice, at the same time or long after another
// attempt; each says why that is safe. It may import internal/tenant and the
// SDK's activity and temporal packages. It never talks to a database, the
// ledger or the mail itself: that is behind the interfaces.
package activities
