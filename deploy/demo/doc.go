// Demo shows a whole provisioning to somebody who sees the project for the
// first time. On a stack that is up it starts worker and api, asks the REST API
// for the tenants of tenants.json, shows each step as it happens, checks what
// was made as a user would, and says where to look at it while it stays up.
//
// It goes through the same doors as everybody: HTTP with a token for creating
// and watching; the database, the Stellar RPC server and the mail catcher only
// to check what came out.
package main
