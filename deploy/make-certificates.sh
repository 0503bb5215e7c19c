#!/bin/sh
# A certificate authority of the city's own, and what it vouches for: the broker that cabinets speak to, and the pages
# until somebody known to every browser does. Run as root after set-up-stores.sh:
#
#     sh deploy/make-certificates.sh city.example mqtt.city.example
#
# The names (or addresses) are those that people and cabinets use. May be run again at any time: what is there stays,
# save what this authority signed and what ends within 60 days or was made for other names.
set -eu

[ "$#" -eq 2 ] || { echo "usage: sh $0 NAME_OF_THE_PAGES NAME_OF_THE_BROKER" >&2; exit 2; }
for name in "$@"; do
    case $name in
        *[!A-Za-z0-9.:-]* | "") echo "$name: a host name or an address" >&2; exit 2 ;;
    esac
done
[ "$(id -u)" -eq 0 ] || { echo "run this as root: sudo sh $0 $*" >&2; exit 2; }
command -v openssl >/dev/null || { echo "openssl is missing: apt-get install openssl" >&2; exit 2; }

etc=/etc/covercode
authority=$etc/ca
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 077

# --- the authority: its key never leaves this machine, and only root reads it
if [ ! -e "$authority.key" ]; then
    openssl ecparam -name prime256v1 -genkey -noout -out "$authority.key"
    openssl req -x509 -new -key "$authority.key" -sha256 -days 7300 -subj "/O=CoverCode/CN=CoverCode $1" \
        -addext "basicConstraints=critical,CA:TRUE,pathlen:0" -addext "keyUsage=critical,keyCertSign,cRLSign" \
        -out "$authority.pem"
    chmod 0644 "$authority.pem"
fi

# ours_and_good FILE NAME: signed by this authority, for this name, for another 60 days
ours_and_good() {
    openssl verify -CAfile "$authority.pem" "$1" >/dev/null 2>&1 &&
        openssl x509 -in "$1" -noout -checkend 5184000 >/dev/null &&
        [ "$(openssl x509 -in "$1" -noout -subject -nameopt multiline | sed -n 's/ *commonName *= //p')" = "$2" ]
}

# sign FOLDER/STEM NAME DAYS GROUP: writes .key and .pem
sign() {
    case $2 in
        *[!0-9.]*) case $2 in *:*) kind=IP ;; *) kind=DNS ;; esac ;;
        *) kind=IP ;;
    esac
    openssl ecparam -name prime256v1 -genkey -noout -out "$work/key"
    openssl req -new -key "$work/key" -subj "/CN=$2" -out "$work/request"
    printf 'subjectAltName=%s:%s\nbasicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\n' "$kind" "$2" >"$work/ext"
    openssl x509 -req -in "$work/request" -CA "$authority.pem" -CAkey "$authority.key" -CAcreateserial \
        -CAserial "$work/serial" -sha256 -days "$3" -extfile "$work/ext" -out "$work/pem" 2>/dev/null
    install -m 0640 -o root -g "$4" "$work/key" "$1.key"
    install -m 0644 "$work/pem" "$1.pem"
    echo "$1.pem: $2, until $(openssl x509 -in "$1.pem" -noout -enddate | sed 's/notAfter=//')"
}

# keep_or_sign FOLDER/STEM NAME DAYS GROUP: leaves alone what somebody else signed
keep_or_sign() {
    if [ -e "$1.pem" ] && ! openssl verify -no_check_time -CAfile "$authority.pem" "$1.pem" >/dev/null 2>&1; then
        echo "$1.pem: somebody else's; left as it is"
    elif [ ! -e "$1.pem" ] || ! ours_and_good "$1.pem" "$2"; then
        sign "$@"
    fi
}

install -d -m 0750 -o root -g mosquitto /etc/mosquitto/certs
install -d -m 0755 /etc/ssl/covercode
# cabinets stand in the street for years and know this authority alone
keep_or_sign /etc/mosquitto/certs/broker "$2" 3650 mosquitto
# browsers take no longer from anybody
keep_or_sign /etc/ssl/covercode/web "$1" 397 root

echo "ready: the authority is $authority.pem, which cabinets get on enrolment; now: systemctl restart mosquitto nginx"
