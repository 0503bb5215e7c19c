"""The files Grafana reads: its data sources, where its boards are, and the boards, by their path in the folder."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from dashboards.grafana.panels import RECORDS, SERIES
from dashboards.grafana.translate import City, dashboard
from dashboards.grafana.words import words_of
from registry.domain.boards import Board

LANGUAGES = ("zh", "en")
PROVISIONING = "provisioning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """For which city: its pages' address, time zone, the two stores as Grafana reaches them, and in which languages.

    ``boards_folder``: where the boards will stand on Grafana's machine. ``by_token``: InfluxDB lets readers in by a
    token (2.x and 3.x), not by name and password (1.x).
    """

    address: str = "https://covercode.example"
    zone: str = "Asia/Shanghai"
    languages: tuple[str, ...] = LANGUAGES
    postgres: str = "127.0.0.1:5432"
    database: str = "covercode"
    influx_url: str = "http://127.0.0.1:8086"
    influx_database: str = "covercode"
    by_token: bool = False
    boards_folder: str = "/var/lib/grafana/dashboards/covercode"


def grafana_files(boards: Iterable[Board], wish: Wish) -> dict[str, str]:
    """``{path: text}`` of every file."""
    boards = tuple(boards)
    made = {
        f"{PROVISIONING}/datasources/covercode.yaml": _sources(wish),
        f"{PROVISIONING}/dashboards/covercode.yaml": _folders(wish),
    }
    for lang in wish.languages:
        city = City(address=wish.address.rstrip("/"), zone=wish.zone, words=words_of(lang))
        for board in boards:
            plain = dashboard(board, city)
            made[f"boards/{lang}/{board.key}.json"] = json.dumps(plain, ensure_ascii=False, indent=1) + "\n"
    return made


# Whose rights Grafana has at InfluxDB, by whether a token is its way in: those of an account that may only read, since
# its viewers can send any statement.
_LET_IN = {
    True: """      httpHeaderName1: Authorization
    secureJsonData:
      # from Grafana's environment: a token that may only read
      httpHeaderValue1: "Token $COVERCODE_GRAFANA_SERIES_TOKEN"
""",
    False: """    user: covercode_grafana
    secureJsonData:
      # from Grafana's environment; set-up-stores.sh wrote it to /etc/covercode/grafana.env
      password: $COVERCODE_GRAFANA_SERIES_PASSWORD
""",
}


# YAML by hand, since it is read by people who change it; the tests read it with a real YAML reader. JSON's quoting of a
# text is YAML's too.
def _sources(wish: Wish) -> str:
    said = {name: json.dumps(getattr(wish, name), ensure_ascii=False) for name in Wish.__slots__}
    words = words_of(wish.languages[0])
    records, series = (
        json.dumps(words.t(f"grafana.source.{name}"), ensure_ascii=False) for name in ("records", "series")
    )
    return f"""# Where the boards read from. Copy to /etc/grafana/provisioning/datasources/; docs/grafana.md says how.
apiVersion: 1

datasources:
  - name: {records}
    uid: {RECORDS["uid"]}
    type: {RECORDS["type"]}
    access: proxy
    url: {said["postgres"]}
    user: covercode_grafana
    jsonData:
      database: {said["database"]}
      sslmode: disable
      postgresVersion: 1500
      timescaledb: false
      maxOpenConns: 10
      maxIdleConns: 5
      connMaxLifetime: 14400
    secureJsonData:
      # from Grafana's environment; set-up-stores.sh wrote it to /etc/covercode/grafana.env
      password: $COVERCODE_GRAFANA_PASSWORD
    editable: false

  - name: {series}
    uid: {SERIES["uid"]}
    type: {SERIES["type"]}
    access: proxy
    url: {said["influx_url"]}
    jsonData:
      dbName: {said["influx_database"]}
      httpMode: GET
      version: InfluxQL
      timeInterval: 10s
{_LET_IN[wish.by_token]}    editable: false
"""


def _folders(wish: Wish) -> str:
    head = "# Where the boards are. Copy to /etc/grafana/provisioning/dashboards/.\napiVersion: 1\n\nproviders:\n"
    parts = [head]
    for lang in wish.languages:
        folder = words_of(lang).t("grafana.folder")
        parts.append(
            f"  - name: covercode-{lang}\n"
            f"    folder: {json.dumps(folder, ensure_ascii=False)}\n"
            f"    folderUid: covercode-{lang}\n"
            "    type: file\n"
            "    disableDeletion: true\n"
            "    allowUiUpdates: false\n"
            "    updateIntervalSeconds: 60\n"
            "    options:\n"
            f"      path: {json.dumps(f'{wish.boards_folder}/{lang}')}\n"
        )
    return "".join(parts)
