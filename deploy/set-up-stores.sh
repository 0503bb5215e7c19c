#!/bin/sh
# The accounts, folders and stores of the one-server size on Debian 12 or newer. Run as root; may be run again at any
# time: what is there stays as it is.
set -eu

database=${COVERCODE_DATABASE:-covercode}
home=/var/lib/covercode
etc=/etc/covercode

[ "$(id -u)" -eq 0 ] || { echo "run this as root: sudo sh $0" >&2; exit 2; }
for program in psql curl systemctl openssl; do
    command -v "$program" >/dev/null || { echo "$program is missing: apt-get install postgresql influxdb curl openssl" >&2; exit 2; }
done
case $database in
    *[!a-z0-9_]* | [!a-z]* | "") echo "COVERCODE_DATABASE: small letters, digits and _ only" >&2; exit 2 ;;
esac

# where every account may stand; psql complains otherwise
cd /

# --- account and folders
getent passwd covercode >/dev/null ||
    useradd --system --user-group --home-dir "$home" --no-create-home --shell /usr/sbin/nologin covercode
install -d -m 0751 -o covercode -g covercode "$home"
install -d -m 0750 -o root -g covercode "$etc"
if [ ! -e "$etc/secrets.env" ]; then
    (umask 0137 && printf 'COVERCODE_BROKER_PASSWORD=%s\n' "$(openssl rand -hex 24)" >"$etc/secrets.env")
    chgrp covercode "$etc/secrets.env"
fi

# --- PostgreSQL: the account signs in by its system user name over the socket, so there is no password to keep
systemctl --quiet enable --now postgresql
as_postgres() { runuser -u postgres -- psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 "$@"; }
if [ "$(as_postgres --tuples-only --no-align --command "SELECT 1 FROM pg_roles WHERE rolname = 'covercode'")" != 1 ]; then
    as_postgres --command "CREATE ROLE covercode LOGIN"
fi
if [ "$(as_postgres --tuples-only --no-align --command "SELECT 1 FROM pg_database WHERE datname = '$database'")" != 1 ]; then
    as_postgres --command "CREATE DATABASE \"$database\" OWNER covercode ENCODING 'UTF8' TEMPLATE template0"
fi

# --- who may read the views for other programs (docs/views.md), and nothing else: Grafana, on this machine, by password.
# Its views come with `covercode db upgrade`, which gives them to the role; where they are there already, they are given
# here.
if [ "$(as_postgres --tuples-only --no-align --command "SELECT 1 FROM pg_roles WHERE rolname = 'covercode_grafana'")" != 1 ]; then
    password=$(openssl rand -hex 24)
    as_postgres --command "CREATE ROLE covercode_grafana LOGIN CONNECTION LIMIT 20 PASSWORD '$password'"
    (umask 0177 && printf 'COVERCODE_GRAFANA_PASSWORD=%s\n' "$password" >"$etc/grafana.env")
fi
as_postgres --dbname "$database" --command "ALTER ROLE covercode_grafana IN DATABASE \"$database\" SET default_transaction_read_only = on" \
    --command "ALTER ROLE covercode_grafana IN DATABASE \"$database\" SET statement_timeout = '30s'" \
    --command "
    DO \$grant\$ BEGIN
        IF to_regnamespace('covercode_read') IS NOT NULL THEN
            GRANT USAGE ON SCHEMA covercode_read TO covercode_grafana;
            GRANT SELECT ON ALL TABLES IN SCHEMA covercode_read TO covercode_grafana;
        END IF;
    END \$grant\$"

# --- InfluxDB 1.x: on this machine only, telling nobody about itself
# (GOGC: it tidies its memory a third as often, which spares a tenth of the processor a reading costs it, and takes
# some 150 MB more)
dropin=/etc/systemd/system/influxdb.service.d/covercode.conf
wanted='[Service]
Environment=INFLUXDB_HTTP_BIND_ADDRESS=127.0.0.1:8086
Environment=INFLUXDB_BIND_ADDRESS=127.0.0.1:8088
Environment=INFLUXDB_REPORTING_DISABLED=true
Environment=INFLUXDB_DATA_INDEX_VERSION=tsi1
Environment=INFLUXDB_HTTP_LOG_ENABLED=false
Environment=GOGC=300'
systemctl --quiet enable influxdb
if [ "$(cat "$dropin" 2>/dev/null || true)" != "$wanted" ]; then
    install -d -m 0755 "${dropin%/*}"
    printf '%s\n' "$wanted" >"$dropin"
    systemctl daemon-reload
    systemctl restart influxdb
fi
systemctl start influxdb
tries=0
until curl --silent --fail --output /dev/null http://127.0.0.1:8086/ping; do
    tries=$((tries + 1))
    [ "$tries" -lt 60 ] || { echo "InfluxDB does not answer on 127.0.0.1:8086: journalctl -u influxdb" >&2; exit 1; }
    sleep 1
done
# how long each level is kept is set by covercode itself, from [records] keep_…_days
printf 'CREATE DATABASE "%s"' "$database" |
    curl --silent --show-error --fail --output /dev/null --data-urlencode q@- http://127.0.0.1:8086/query

echo "ready: records in PostgreSQL database $database, series in InfluxDB database $database"
