// Package notice tells people by mail, and a webhook, of operations that newly wait for
// somebody: one mail for all that parked within a short window, never two for
// the same parking; and of incidents: one mail when one lasts, one when it is
// over.
//
// Rows decide, so that any number of workers may run it. Not being able to
// notify stops nothing: it is logged and tried again. It may import
// internal/tenant; the database and the mail are behind the interfaces that it
// declares.
package notice
