#!/bin/sh
# In place of the entry point of the image "postgres": makes the data directory when
# the volume is empty, runs what is in /docker-entrypoint-initdb.d on a server that
# listens on a socket alone, and becomes the server.
set -eu
export PGDATA=/var/lib/postgresql/data

if [ "$(id -u)" = 0 ]; then
	mkdir -p /run/postgresql
	chown postgres: /run/postgresql "$PGDATA"
	chmod 700 "$PGDATA"
	exec setpriv --reuid postgres --regid postgres --init-groups "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
	# shellcheck disable=SC2086 # a list of options
	initdb --username postgres --pwfile "$POSTGRES_PASSWORD_FILE" --auth-local trust --auth-host scram-sha-256 $POSTGRES_INITDB_ARGS
	echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
	echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
	pg_ctl --wait --options "-c listen_addresses=''" start
	for file in /docker-entrypoint-initdb.d/*.sh; do
		"$file"
	done
	pg_ctl --wait --mode fast stop
fi
exec "$@"
