// Command bench measures provisioning on the embedded stack: through the REST
// API and Temporal as in production, and, in the same run, the same work by a
// plain loop that keeps no state of a run (raw). With -life it measures suspend and
// resume instead, at several numbers of tenants, and with -api the API alone: reads at
// fixed rates with and without the cache, creations, and streams of events. -sizes gives
// api and worker so many cores each, -tune starts PostgreSQL with each of some settings,
// and -evict fills Redis by each of some policies, all in turns that are repeated, so
// that what else the machine does meanwhile meets all of them. -pace has a burst of
// tenants provisioned, and counts the contracts in each ledger. -migrate has a file
// applied to tenants' schemas, and -backup has them backed up. It prints one JSON document.
//
// It is a benchmark, never a test: it asserts that every tenant became active
// and that every stream got every event, and nothing about time. Its figures are
// comparable within one run only.
package main
