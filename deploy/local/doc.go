// Command local is what docker-compose's profile "local" has in place of accounts
// elsewhere: a Stellar network and a mail catcher, in one small process. It is of
// development images only.
//
//	local [-data-dir DIR] -mail-key-file FILE   serve until SIGTERM
//	      -control 127.0.0.1:8001               ... with the network's control endpoint for tests
//	local healthcheck                           exit 0 when both answer
package main
