#!/bin/sh
# Brings both databases of the Temporal server to the schema of this version. Running it again changes nothing.
set -eu
SQL_PASSWORD="$(cat /run/secrets/temporal-db-password)"
export SQL_PASSWORD
schema=/etc/temporal/schema/postgresql/v12

tool() {
    database=$1
    shift
    temporal-sql-tool --plugin postgres12_pgx --endpoint "$POSTGRES_SEEDS" --port "$DB_PORT" --user "$POSTGRES_USER" \
        --database "$database" "$@"
}

for pair in "$DBNAME:temporal" "$VISIBILITY_DBNAME:visibility"; do
    database=${pair%%:*}
    # Fails where the tables are there already; the update after it then says what is really wrong.
    tool "$database" setup-schema --version 0.0 || echo "$database has its tables already"
    tool "$database" update-schema --schema-dir "$schema/${pair##*:}/versioned"
done
