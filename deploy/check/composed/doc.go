// Package composed runs docker-compose.yml on one machine without Docker, and looks
// at what comes of it: make composed. Without it, go test skips the package.
//
// A container is a process that sees its own root: an overlay of the machine's, in
// which its image's programs, its secrets, volumes and the names of its networks are
// where compose puts them. It is process 1 of a pid namespace, so that it gets no
// signal that it does not handle. All run in one network namespace, in which a port is
// published by being listened on. Command, user, environment, health check, depends_on,
// restart policy, stop_grace_period, secrets, volumes, tmpfs and shm_size are read by
// compose's own loader and used as they are.
//
// In place of the images are: our programs, built from this tree; the server,
// temporal-sql-tool and Web UI of Temporal of the same versions, with their images'
// own entry points; PostgreSQL and Redis of this machine, PostgreSQL with
// postgres.sh for the entry point that the official image has; busybox for the shell of
// Alpine, and netcat for its nc.
//
// Not run: Docker itself, the images, what keeps networks apart, limits of memory and
// CPU, dropped capabilities, no-new-privileges, rotation of logs, and the profile
// "monitoring".
package composed
