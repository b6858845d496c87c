#!/bin/sh
# Makes a cluster once, then serves it. Variables as in the official image:
#   POSTGRES_PASSWORD_FILE or POSTGRES_PASSWORD   of the superuser; one is needed the first time
#   POSTGRES_USER (postgres), POSTGRES_DB (same)  made the first time
#   POSTGRES_INITDB_ARGS                          more for initdb
#   PGDATA                                        where the cluster is
# /docker-entrypoint-initdb.d/*.sql and *.sh run the first time. Passwords are SCRAM everywhere; nothing is trusted.
set -eu
# As process 1 a shell ignores what it does not trap.
trap 'exit 143' TERM INT

fail() {
    echo "postgres: $*" >&2
    exit 1
}

# Sockets where a read-only container can write.
server_options="-c unix_socket_directories=/tmp"
mark="$PGDATA/keel-complete"

superuser_password() {
    if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
        [ -r "$POSTGRES_PASSWORD_FILE" ] || fail "cannot read POSTGRES_PASSWORD_FILE ($POSTGRES_PASSWORD_FILE) as user 10001: mount it and make it readable"
        IFS= read -r PGPASSWORD <"$POSTGRES_PASSWORD_FILE" || [ -n "$PGPASSWORD" ] || fail "POSTGRES_PASSWORD_FILE ($POSTGRES_PASSWORD_FILE) is empty"
    else
        PGPASSWORD="${POSTGRES_PASSWORD:-}"
    fi
    [ -n "$PGPASSWORD" ] || fail "set POSTGRES_PASSWORD_FILE to a file with the password of the superuser"
    export PGPASSWORD
}

initialise() {
    superuser_password
    user="${POSTGRES_USER:-postgres}"
    database="${POSTGRES_DB:-$user}"
    # A start that was cut off leaves a part, which nobody can have used.
    rm -rf "$PGDATA"
    umask 077
    printf '%s\n' "$PGPASSWORD" >/tmp/superuser
    # shellcheck disable=SC2086
    initdb -D "$PGDATA" -U "$user" --pwfile=/tmp/superuser --auth=scram-sha-256 --encoding=UTF8 --locale=C ${POSTGRES_INITDB_ARGS:-}
    rm -f /tmp/superuser
    printf "\nlisten_addresses = '*'\npassword_encryption = scram-sha-256\n" >>"$PGDATA/postgresql.conf"
    printf '\nhost all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"

    # Only on the socket, so that nobody takes it for ready.
    pg_ctl -D "$PGDATA" -w -t 60 -o "$server_options -c listen_addresses=''" start
    export PGHOST=/tmp PGUSER="$user"
    if [ "$database" != postgres ]; then
        psql -v ON_ERROR_STOP=1 --no-psqlrc -d postgres -v name="$database" <<'SQL'
CREATE DATABASE :"name";
SQL
    fi
    export PGDATABASE="$database"
    for file in /docker-entrypoint-initdb.d/*; do
        case "$file" in
        *.sql)
            echo "postgres: running $file"
            psql -v ON_ERROR_STOP=1 --no-psqlrc -f "$file"
            ;;
        *.sh)
            echo "postgres: running $file"
            # shellcheck source=/dev/null
            . "$file"
            ;;
        esac
    done
    pg_ctl -D "$PGDATA" -w -t 60 -m fast stop
    unset PGPASSWORD PGHOST PGUSER PGDATABASE
    : >"$mark"
}

case "${1:-postgres}" in
postgres) [ $# -eq 0 ] || shift ;;
-*) ;;
*) exec "$@" ;;
esac

[ -e "$mark" ] || initialise

# PostgreSQL takes TERM as "when every client has left"; INT is the fast, clean stop that a container needs.
# shellcheck disable=SC2086
postgres -D "$PGDATA" $server_options "$@" &
server=$!
trap 'kill -INT "$server" 2>/dev/null || :' TERM INT
code=0
while :; do
    wait "$server" && code=0 || code=$?
    kill -0 "$server" 2>/dev/null || break
done
exit "$code"
