// Package build says what a program was built from, so that its version, its
// logs, its metrics and its command line all say the same. It imports nothing
// else of the project.
package build
