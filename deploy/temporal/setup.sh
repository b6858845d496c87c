#!/bin/sh
# Makes the namespace and its search attributes. Running it again changes nothing.
set -eu

tries=0
until temporal operator cluster health --command-timeout 5s >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -lt 60 ] || { echo "$TEMPORAL_ADDRESS does not serve after a minute" >&2; exit 1; }
    sleep 1
done

temporal operator namespace describe -n "$TEMPORAL_NAMESPACE" --command-timeout 10s >/dev/null 2>&1 ||
    temporal operator namespace create -n "$TEMPORAL_NAMESPACE" --retention "$RETENTION" --command-timeout 10s

# A new namespace is not known to every part of the server at once.
for name in OrderStatus CustomerId TaskStep; do
    tries=0
    until temporal operator search-attribute list --command-timeout 10s 2>/dev/null | grep -qw "$name"; do
        tries=$((tries + 1))
        [ "$tries" -lt 60 ] || { echo "search attribute $name is not there after a minute" >&2; exit 1; }
        temporal operator search-attribute create --name "$name" --type Keyword --command-timeout 10s || sleep 1
    done
done
