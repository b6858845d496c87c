#!/bin/sh
# Run once by the postgres image, on an empty volume: a role and its databases for each user of the server, and nothing
# for anybody else.
set -eu
psql -v ON_ERROR_STOP=1 --no-psqlrc --username "$POSTGRES_USER" --dbname postgres \
    -v keel="$(cat /run/secrets/keel-db-password)" -v temporal="$(cat /run/secrets/temporal-db-password)" <<'SQL'
CREATE ROLE keel LOGIN PASSWORD :'keel';
CREATE ROLE temporal LOGIN PASSWORD :'temporal';
CREATE DATABASE keel OWNER keel;
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
REVOKE ALL ON DATABASE keel, temporal, temporal_visibility FROM PUBLIC;
SQL
