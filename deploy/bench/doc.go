// Command bench measures provisioning on the embedded stack: through the REST
// API and Temporal as in production, and, in the same run, the same work by a
// plain loop that keeps no state of a run (raw). With -life it measures suspend and
// resume instead, at several numbers of tenants. It prints one JSON document.
//
// It is a benchmark, never a test: it asserts that every tenant became active
// and nothing about time. Its figures are comparable within one run only.
package main
