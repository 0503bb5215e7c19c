"""The shipped set-up of the stores, run against a real PostgreSQL and InfluxDB: who may do what afterwards.

What only root of a whole server can do (accounts, units, owners of files) is played by small programs in front of the
real ones; folders and ports are this test's own.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import psycopg
import pytest

from tests.mosquitto import free_port

pytestmark = [pytest.mark.network, pytest.mark.timeout(300)]

SHIPPED = Path(__file__).parents[2] / "deploy/set-up-stores.sh"
DROP_IN = "/etc/systemd/system/influxdb.service.d/covercode.conf"

# systemd's part: one service, with the environment of its drop-in
_SYSTEMCTL = """#!/bin/sh
echo "$*" >>"{folder}/systemctl"
stop() { [ ! -e "{folder}/pid" ] || { kill -9 "$(cat "{folder}/pid")"; rm "{folder}/pid"; }; }
case "$*" in
    "stop influxdb") stop; exit ;;
    "restart influxdb") stop ;;
    "start influxdb") [ ! -e "{folder}/pid" ] || exit 0 ;;
    *) exit 0 ;;
esac
sed -n 's/^Environment=/export /p' "{folder}{drop_in}" >"{folder}/environment"
. "{folder}/environment"
influxd -config "{folder}/influxdb.conf" >>"{folder}/influxdb.log" 2>&1 &
echo $! >"{folder}/pid"
"""
_SEEN = '#!/bin/sh\nprintf "%s\\n" "$@" >>"{folder}/arguments"\nexec {program} "$@"\n'
_PLAYED = {
    "id": "#!/bin/sh\necho 0\n",
    "getent": "#!/bin/sh\n",
    # without owners, and with the folders and files it is asked for
    "install": """#!/bin/sh
for last; do :; done
case " $* " in *" -d "*) mkdir -p "$last" ;; *) cp /dev/null "$last"; chmod "$2" "$last" ;; esac
""",
    "runuser": '#!/bin/sh\nshift 3\nexec "$@"\n',
}


class Server:
    """One machine on which the script is run; ``database`` is what it is to make."""

    def __init__(self, folder: Path, postgres: str, database: str) -> None:
        self.folder, self.database = folder, database
        self.port = free_port()
        self._rpc = free_port()
        owner, _, address = postgres.partition("@")
        host, _, port = address.partition(":")
        self._environment = {
            **os.environ,
            "PATH": f"{folder}/bin:{os.environ['PATH']}",
            "COVERCODE_DATABASE": database,
            "PGHOST": host,
            "PGPORT": port,
            "PGUSER": owner,
            "PGDATABASE": "postgres",
        }
        (folder / "bin").mkdir()
        for name, text in {**_PLAYED, "systemctl": self._filled(_SYSTEMCTL)}.items():
            self._program(name, text)
        for name in ("psql", "curl"):
            self._program(name, self._filled(_SEEN).replace("{program}", str(shutil.which(name))))
        (folder / "influxdb.conf").write_text(
            f'[meta]\ndir = "{folder}/meta"\n[data]\ndir = "{folder}/data"\nwal-dir = "{folder}/wal"\n'
        )
        text = SHIPPED.read_text(encoding="utf-8")
        for shipped, ours in (
            ("=/etc/covercode", f"={self.etc}"),
            ("=/var/lib/covercode", f"={folder}/var"),
            (DROP_IN, f"{folder}{DROP_IN}"),
            ("sleep 1", "sleep 0.1"),
            ("127.0.0.1:8086", f"127.0.0.1:{self.port}"),
            ("127.0.0.1:8088", f"127.0.0.1:{self._rpc}"),
        ):
            assert shipped in text
            text = text.replace(shipped, ours)
        (folder / "set-up-stores.sh").write_text(text, encoding="utf-8")

    @property
    def etc(self) -> Path:
        return self.folder / "etc/covercode"

    def set_up(self) -> str:
        """What the script says. Fails when it does."""
        command = ["sh", str(self.folder / "set-up-stores.sh")]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, env=self._environment)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def systemctl(self, *words: str) -> None:
        subprocess.run([str(self.folder / "bin/systemctl"), *words], check=True, env=self._environment)

    def words(self, file: str) -> dict[str, str]:
        """The variables of a file of secrets."""
        lines = (self.etc / file).read_text().splitlines()
        return {line.partition("=")[0]: line.partition("=")[2] for line in lines}

    def said(self, file: str) -> str:
        path = self.folder / file
        return path.read_text() if path.exists() else ""

    def influx(self, statement: str, account: str = "", method: str = "POST") -> tuple[int, str]:
        """What InfluxDB answers ``NAME:PASSWORD``."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Authorization": "Basic " + base64.b64encode(account.encode()).decode()} if account else {}
        connection.request(method, "/query?" + urlencode({"db": self.database, "q": statement}), headers=headers)
        answer = connection.getresponse()
        said = answer.read().decode()
        connection.close()
        return answer.status, said

    def _program(self, name: str, text: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(text)
        path.chmod(0o755)

    def _filled(self, text: str) -> str:
        return text.replace("{folder}", str(self.folder)).replace("{drop_in}", DROP_IN)


@pytest.fixture
def server(postgres_server: str, tmp_path: Path) -> Iterator[Server]:
    database = f"set_up_{os.getpid()}"
    made = Server(tmp_path, postgres_server, database)
    try:
        yield made
    finally:
        made.systemctl("stop", "influxdb")
        with psycopg.connect(f"postgresql://{postgres_server}/postgres", autocommit=True) as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)".encode())


def test_whoever_is_not_let_in_changes_no_reading_and_grafana_may_only_read(server: Server):
    assert "ready" in server.set_up()
    city = server.words("secrets.env")["COVERCODE_RECORDS_SERIES_TOKEN"]
    assert city.startswith("covercode:")
    reader = "covercode_grafana:" + server.words("grafana.env")["COVERCODE_GRAFANA_SERIES_PASSWORD"]
    everything = f'DROP DATABASE "{server.database}"'
    # what is asked by GET is executed as well
    for method in ("GET", "POST"):
        assert server.influx(everything, method=method)[0] == 401
        assert server.influx(everything, f"covercode:{reader[-4:]}", method)[0] == 401
        assert server.influx(everything, reader, method)[0] == 403
    assert server.influx('DELETE FROM "reading"', reader)[0] == 403
    status, said = server.influx("SHOW RETENTION POLICIES", reader)
    assert (status, "autogen" in said) == (200, True)
    # the city itself says how long each level is kept
    level = f'CREATE RETENTION POLICY "raw" ON "{server.database}" DURATION 30d REPLICATION 1 DEFAULT'
    assert json.loads(server.influx(level, city)[1]) == {"results": [{"statement_id": 0}]}
    secrets = [*server.words("secrets.env").values(), *server.words("grafana.env").values()]
    assert len(secrets) == 4
    shown = server.said("arguments")
    assert "covercode_grafana" in shown
    assert [secret for secret in secrets if secret.rpartition(":")[2] in shown] == []


def test_run_again_it_changes_nothing_and_mends_what_is_missing(server: Server, postgres_server: str):
    server.set_up()
    files = {name: server.words(name) for name in ("secrets.env", "grafana.env")}
    restarts = server.said("systemctl").count("restart influxdb")
    server.set_up()
    assert {name: server.words(name) for name in files} == files
    assert server.said("systemctl").count("restart influxdb") == restarts
    city = files["secrets.env"]["COVERCODE_RECORDS_SERIES_TOKEN"]

    # restored from a backup: what the reader was given went with the database
    server.influx(f'DROP DATABASE "{server.database}"', city)
    # and both files are those of another installation, or gone
    (server.etc / "secrets.env").write_text(
        "COVERCODE_BROKER_PASSWORD=a $ch'osen one\nCOVERCODE_RECORDS_SERIES_TOKEN=covercode:older"
    )
    (server.etc / "grafana.env").unlink()
    server.set_up()
    assert server.words("secrets.env")["COVERCODE_BROKER_PASSWORD"] == "a $ch'osen one"
    assert server.influx("SHOW USERS", "covercode:older")[0] == 200
    assert server.influx("SHOW USERS", city)[0] == 401
    again = server.words("grafana.env")
    reader = "covercode_grafana:" + again["COVERCODE_GRAFANA_SERIES_PASSWORD"]
    assert server.influx("SHOW RETENTION POLICIES", reader)[0] == 200
    with psycopg.connect(f"postgresql://{postgres_server}/postgres") as admin:
        (kept,) = admin.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'covercode_grafana'").fetchall()
    assert kept[0] == _scram(again["COVERCODE_GRAFANA_PASSWORD"], kept[0])


def test_an_installation_of_before_is_given_accounts_and_its_processes_are_told(server: Server):
    drop_in = Path(f"{server.folder}{DROP_IN}")
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text(f"[Service]\nEnvironment=INFLUXDB_HTTP_BIND_ADDRESS=127.0.0.1:{server.port}\n")
    server.etc.mkdir(parents=True)
    (server.etc / "secrets.env").write_text("COVERCODE_BROKER_PASSWORD=kept\n")
    (server.etc / "grafana.env").write_text("COVERCODE_GRAFANA_PASSWORD=kept\n")
    server.set_up()
    assert server.words("secrets.env")["COVERCODE_BROKER_PASSWORD"] == "kept"
    assert server.words("grafana.env")["COVERCODE_GRAFANA_PASSWORD"] == "kept"
    assert server.influx("SHOW DATABASES")[0] == 401
    assert server.influx("SHOW DATABASES", server.words("secrets.env")["COVERCODE_RECORDS_SERIES_TOKEN"])[0] == 200
    assert "try-restart covercode-ingest" in server.said("systemctl")


def test_a_city_whose_series_are_elsewhere_keeps_its_token_and_no_influxdb_is_touched(server: Server):
    server.etc.mkdir(parents=True)
    (server.etc / "covercode.toml").write_text('[records]\nseries_token = "of-a-newer-server=="\n')
    assert "elsewhere" in server.set_up()
    assert "COVERCODE_RECORDS_SERIES_TOKEN" not in server.words("secrets.env")
    assert "influxdb" not in server.said("systemctl")


def _scram(password: str, kept: str) -> str:
    """``password`` as PostgreSQL keeps it, with the salt and rounds of what it has ``kept``."""
    rounds, _, salt = kept.removeprefix("SCRAM-SHA-256$").partition("$")[0].partition(":")
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(rounds))
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    served = hmac.digest(salted, b"Server Key", "sha256")
    keys = ":".join(base64.b64encode(key).decode() for key in (stored, served))
    return f"SCRAM-SHA-256${rounds}:{salt}${keys}"
