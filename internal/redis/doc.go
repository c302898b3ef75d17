// Package redis limits how fast a client may send requests, with a count that
// every process of the api shares, and one of this process's own.
//
// Nothing in Redis is worth keeping, and nothing may wait for it. The process's
// own count comes first, so that whoever is over the limit costs Redis nothing;
// and it goes on alone while Redis cannot count, so that a limit is never off.
// That Redis cannot count, and why, is said by Ping, the metrics and the log.
package redis
