// Package redis limits how fast a client may send requests, with a count that
// every process of the api shares.
//
// Nothing in Redis is worth keeping, and nothing may wait for it: a limiter
// that cannot ask answers "allowed" at once, says so in its metrics, and asks
// again a little later.
package redis
