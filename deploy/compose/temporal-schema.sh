#!/bin/sh
# Makes the tables of Temporal's two databases, and brings them to the version of
# this temporal-sql-tool. Both commands do nothing where there is nothing to do, so
# that whatever fails here has failed.
set -eu

SQL_PASSWORD=$(cat "${SECRETS:-/run/secrets}/TEMPORAL_DB_PASSWORD")
export SQL_PASSWORD

for database in temporal temporal_visibility; do
	schema=temporal
	[ "$database" = temporal ] || schema=visibility
	export SQL_DATABASE="$database"
	temporal-sql-tool setup-schema --version 0.0
	temporal-sql-tool update-schema --schema-name "postgresql/v12/$schema"
done
