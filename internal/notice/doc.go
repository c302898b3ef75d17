// Package notice tells people by mail, and a webhook, what newly needs somebody:
// operations that parked, one notice for all within a short window and never two
// for the same parking; incidents and outages of all workers, one notice when one
// lasts and one when it is over; the same of a maintenance window that overruns, a run
// on all tenants that has stopped, and a shortage of capacity.
//
// Rows decide, so that any number of processes may run it. Not being able to
// notify stops nothing: it is logged and tried again. It may import
// internal/tenant; the database and the mail are behind the interfaces that it
// declares.
package notice
