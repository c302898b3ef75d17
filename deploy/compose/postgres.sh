#!/bin/sh
# Makes the roles and databases of the product and of Temporal, once, when the
# volume is empty: PostgreSQL's image runs it then, before it listens to others.
# The product's role is no superuser: it makes schemas and roles. The passwords are
# read by psql itself, so that no command line shows them.
set -eu

psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --set user="$DB_USERNAME" --set name="$DB_NAME" \
	--username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
\set password `cat "${SECRETS:-/run/secrets}/DB_PASSWORD"`
\set engine `cat "${SECRETS:-/run/secrets}/TEMPORAL_DB_PASSWORD"`
CREATE ROLE :"user" LOGIN CREATEROLE PASSWORD :'password';
GRANT pg_signal_backend TO :"user";
CREATE DATABASE :"name" OWNER :"user" ENCODING 'UTF8' TEMPLATE template0;
CREATE ROLE temporal LOGIN PASSWORD :'engine';
CREATE DATABASE temporal OWNER temporal ENCODING 'UTF8' TEMPLATE template0;
CREATE DATABASE temporal_visibility OWNER temporal ENCODING 'UTF8' TEMPLATE template0;
REVOKE CONNECT ON DATABASE temporal, temporal_visibility FROM PUBLIC;
SQL
