#!/bin/sh
# Run once by the image of PostgreSQL, on an empty volume: a role and its databases for each user of the server, and
# nothing for anybody else. It uses no program but psql: the offline image has hardly any other.
set -eu

IFS= read -r keel </run/secrets/keel-db-password || [ -n "$keel" ]
IFS= read -r temporal </run/secrets/temporal-db-password || [ -n "$temporal" ]

# The passwords go by the environment and not by arguments, which every process could read.
KEEL_PASSWORD=$keel TEMPORAL_PASSWORD=$temporal psql -v ON_ERROR_STOP=1 --no-psqlrc -U "$POSTGRES_USER" -d postgres <<'SQL'
\set keel `printf %s "$KEEL_PASSWORD"`
\set temporal `printf %s "$TEMPORAL_PASSWORD"`
CREATE ROLE keel LOGIN PASSWORD :'keel';
CREATE ROLE temporal LOGIN PASSWORD :'temporal';
CREATE DATABASE keel OWNER keel;
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
REVOKE ALL ON DATABASE keel, temporal, temporal_visibility FROM PUBLIC;
SQL
unset keel temporal
