#!/bin/sh
# The accounts, folders and stores of the one-server size on Debian 12 or newer. Run as root; may be run again at any
# time: what is there stays as it is. Passwords are made here once, stand in /etc/covercode, and reach the stores over
# standard input: what stands behind a command's name is seen by everybody on this machine.
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

# Makes the variable $2 in the file $1 when it has no value there: $3 and a random word.
keep_word() {
    grep -q "^$2=." "$1" && return
    word=$3$(openssl rand -hex 24)
    # also after a last line that somebody did not end
    last=$(tail -c 1 "$1")
    printf '%s%s=%s\n' "${last:+
}" "$2" "$word" >>"$1"
}
# Its value. Refuses what a store could take for something else than a word.
kept_word() {
    word=$(sed -n "s/^$2=//p" "$1" | tail -n 1 | sed 's/^"\(.*\)"$/\1/')
    case $word in
        *[!A-Za-z0-9:._~+/=-]* | "") echo "$2 in $1: letters, digits and : . _ ~ + / = - only" >&2; return 2 ;;
    esac
    printf '%s' "$word"
}

# --- account and folders
getent passwd covercode >/dev/null ||
    useradd --system --user-group --home-dir "$home" --no-create-home --shell /usr/sbin/nologin covercode
install -d -m 0751 -o covercode -g covercode "$home"
install -d -m 0750 -o root -g covercode "$etc"
[ -e "$etc/secrets.env" ] || install -m 0640 -o root -g covercode /dev/null "$etc/secrets.env"
[ -e "$etc/grafana.env" ] || install -m 0600 /dev/null "$etc/grafana.env"
keep_word "$etc/secrets.env" COVERCODE_BROKER_PASSWORD ""
# by whom the series are written, unless covercode.toml has a token of its own
if ! grep -Eqs '^[[:space:]]*series_token[[:space:]]*=[[:space:]]*"[^"]' "$etc/covercode.toml"; then
    keep_word "$etc/secrets.env" COVERCODE_RECORDS_SERIES_TOKEN "covercode:"
fi
keep_word "$etc/grafana.env" COVERCODE_GRAFANA_PASSWORD ""
keep_word "$etc/grafana.env" COVERCODE_GRAFANA_SERIES_PASSWORD ""

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
    as_postgres --command "CREATE ROLE covercode_grafana LOGIN CONNECTION LIMIT 20"
fi
password=$(kept_word "$etc/grafana.env" COVERCODE_GRAFANA_PASSWORD)
printf "ALTER ROLE covercode_grafana PASSWORD '%s';\n" "$password" | as_postgres
as_postgres --dbname "$database" --command "ALTER ROLE covercode_grafana IN DATABASE \"$database\" SET default_transaction_read_only = on" \
    --command "ALTER ROLE covercode_grafana IN DATABASE \"$database\" SET statement_timeout = '30s'" \
    --command "
    DO \$grant\$ BEGIN
        IF to_regnamespace('covercode_read') IS NOT NULL THEN
            GRANT USAGE ON SCHEMA covercode_read TO covercode_grafana;
            GRANT SELECT ON ALL TABLES IN SCHEMA covercode_read TO covercode_grafana;
        END IF;
    END \$grant\$"

# --- InfluxDB 1.x: on this machine only, telling nobody about itself, and asking everybody who comes
if ! grep -q "^COVERCODE_RECORDS_SERIES_TOKEN=.*:" "$etc/secrets.env"; then
    echo "no COVERCODE_RECORDS_SERIES_TOKEN=NAME:PASSWORD in $etc/secrets.env: the series are kept elsewhere, by a token" \
        "of their own. InfluxDB on this machine stays as it is"
    echo "ready: records in PostgreSQL database $database"
    exit 0
fi
token=$(kept_word "$etc/secrets.env" COVERCODE_RECORDS_SERIES_TOKEN)
dropin=/etc/systemd/system/influxdb.service.d/covercode.conf

# Runs with these settings; $1: whether it asks who comes. (GOGC: it tidies its memory a third as often, which spares a
# tenth of the processor a reading costs it, and takes some 150 MB more.)
run_influx() {
    wanted="[Service]
Environment=INFLUXDB_HTTP_BIND_ADDRESS=127.0.0.1:8086
Environment=INFLUXDB_BIND_ADDRESS=127.0.0.1:8088
Environment=INFLUXDB_REPORTING_DISABLED=true
Environment=INFLUXDB_DATA_INDEX_VERSION=tsi1
Environment=INFLUXDB_HTTP_LOG_ENABLED=false
Environment=INFLUXDB_HTTP_AUTH_ENABLED=$1
Environment=GOGC=300"
    if [ "$(cat "$dropin" 2>/dev/null || true)" != "$wanted" ]; then
        install -d -m 0755 "${dropin%/*}"
        printf '%s\n' "$wanted" >"$dropin"
        systemctl daemon-reload
        systemctl restart influxdb
    fi
    systemctl start influxdb
    tries=0
    until curl --silent --fail --noproxy '*' --output /dev/null http://127.0.0.1:8086/ping; do
        tries=$((tries + 1))
        [ "$tries" -lt 60 ] || { echo "InfluxDB does not answer on 127.0.0.1:8086: journalctl -u influxdb" >&2; exit 1; }
        sleep 1
    done
}

# Says $2 to it as $1 (NAME:PASSWORD). Fails when it does not do it; what it answered is in $answer.
tell_influx() {
    answer=$(printf 'user = "%s"\ndata-urlencode = "q=%s"\n' "$1" "$(printf '%s' "$2" | sed 's/"/\\"/g')" |
        curl --silent --show-error --noproxy '*' --config - http://127.0.0.1:8086/query) || return 1
    case $answer in *'"error"'*) return 1 ;; esac
}
must_influx() {
    tell_influx "$@" || { echo "InfluxDB refused: $answer" >&2; exit 1; }
}

systemctl --quiet enable influxdb
name=${token%%:*}
known=no
if grep -qsx Environment=INFLUXDB_HTTP_AUTH_ENABLED=true "$dropin"; then
    run_influx true
    if tell_influx "$token" "SHOW DATABASES"; then known=yes; fi
fi
if [ "$known" = no ]; then
    # Nobody can sign in yet, or not with what is kept here (files of a backup): the account is made while nobody is asked.
    # It is an administrator, since 1.x lets no other say how long readings are kept.
    run_influx false
    if ! tell_influx "$token" "CREATE USER \"$name\" WITH PASSWORD '${token#*:}' WITH ALL PRIVILEGES"; then
        must_influx "$token" "SET PASSWORD FOR \"$name\" = '${token#*:}'"
        must_influx "$token" "GRANT ALL PRIVILEGES TO \"$name\""
    fi
    run_influx true
    # they learn the password when they start
    systemctl try-restart covercode-ingest covercode-worker covercode-serve 2>/dev/null || true
fi
# how long each level is kept is set by covercode itself, from [records] keep_…_days
must_influx "$token" "CREATE DATABASE \"$database\""
# Grafana may read, and nothing else: its viewers can send it any statement
password=$(kept_word "$etc/grafana.env" COVERCODE_GRAFANA_SERIES_PASSWORD)
tell_influx "$token" "CREATE USER covercode_grafana WITH PASSWORD '$password'" ||
    must_influx "$token" "SET PASSWORD FOR covercode_grafana = '$password'"
must_influx "$token" "REVOKE ALL PRIVILEGES FROM covercode_grafana"
must_influx "$token" "GRANT READ ON \"$database\" TO covercode_grafana"

echo "ready: records in PostgreSQL database $database, series in InfluxDB database $database"
