// Package schemalint judges new files of the tenants' template before they reach any
// tenant: what rewrites a table, or blocks those who work with it for as long as it is
// large, is refused unless the file says that it is meant. Its rules bear the names that
// squawk (squawkhq.com) gives them, and it reads SQL by PostgreSQL's own parser.
//
// It may import migrations and the parser.
package schemalint
