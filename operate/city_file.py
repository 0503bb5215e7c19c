"""``covercode.toml``: everything the city's processes are told, and where its relative paths lead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from dashboards.settings import WebSettings, base_map_problems, read_networks
from gateway.settings import BrokerSettings
from operate.settings import BadSettings, load_settings
from registry.settings import KEEP_SETTINGS, CitySettings, RecordSettings, RuleSettings
from registry.storage.series.opening import address_problem, is_server

MOST_PROCESSES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class CityBrokerSettings(BrokerSettings):
    """``[broker]`` of the city, whose broker usually runs beside it."""

    host: str = field(
        default="127.0.0.1", metadata={"help": "Name or address of the MQTT broker; the embedded one listens there"}
    )
    password_file: str = field(
        default="",
        metadata={
            "help": "Where the worker keeps the users of the broker, in Mosquitto's form; the embedded broker then asks"
            " for passwords too; empty: neither"
        },
    )
    mosquitto_config: str = field(
        default="/etc/mosquitto/conf.d/covercode.conf",
        metadata={"help": "Mosquitto's own configuration, which doctor looks through where this machine has it"},
    )
    cabinets_host: str = field(
        default="", metadata={"help": "The broker's name as cabinets reach it, told on enrolment; empty: as host"}
    )
    cabinets_port: int = field(default=0, metadata={"help": "Its port as cabinets reach it; 0: as port"})
    cabinets_ca: str = field(
        default="", metadata={"help": "File with the CA certificate that cabinets are given on enrolment; empty: none"}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CityMetricsSettings:
    """``[metrics]`` of the city: where ingest and the worker are watched. The web part has its own address for it."""

    host: str = field(
        default="127.0.0.1",
        metadata={"help": "Address to listen on for /metrics and /healthz; another one only inside the machine room"},
    )
    ingest_port: int = field(default=9465, metadata={"help": "Port of ingest's; 0: none"})
    worker_port: int = field(default=9466, metadata={"help": "Port of the worker's; 0: none"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CityFile:
    """All sections; each has defaults, so an empty file is a working embedded city."""

    city: CitySettings = field(default_factory=CitySettings)
    records: RecordSettings = field(default_factory=RecordSettings)
    broker: CityBrokerSettings = field(default_factory=CityBrokerSettings)
    web: WebSettings = field(default_factory=WebSettings)
    rules: RuleSettings = field(default_factory=RuleSettings)
    metrics: CityMetricsSettings = field(default_factory=CityMetricsSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The settings with their paths made absolute: relative ones start at the settings file's folder."""

    settings: CityFile
    home: Path

    @property
    def records_url(self) -> str:
        """The records database's address."""
        url = self.settings.records.url
        path = url.removeprefix("sqlite:///")
        return url if path == url or Path(path).is_absolute() else f"sqlite:///{self.home / path}"

    @property
    def series_path(self) -> Path:
        """The embedded series store's file."""
        return self.home / self.settings.records.series

    @property
    def password_file(self) -> Path | None:
        """The broker's users, where the worker keeps them."""
        return self.home / self.settings.broker.password_file if self.settings.broker.password_file else None

    @property
    def data_dir(self) -> Path:
        """The folder of files; photos have one of their own in it."""
        return self.home / self.settings.records.data

    @property
    def secret_file(self) -> Path:
        """The file with the web part's signing key."""
        return self.home / self.settings.web.secret_file

    @property
    def base_map_file(self) -> Path | None:
        """The file with the base map's tiles, where one is named."""
        return self.home / self.settings.web.base_map_file if self.settings.web.base_map_file else None

    @property
    def zone(self) -> ZoneInfo:
        """The city's time zone."""
        return ZoneInfo(self.settings.city.timezone)


def read_city_file(path: Path | None, environ: Mapping[str, str]) -> Place:
    """The city's settings. Raises ``BadSettings`` with every problem at once."""
    settings = load_settings(CityFile, path, environ)
    problems = city_problems(settings)
    if problems:
        raise BadSettings(str(path or "environment"), problems)
    home = path.resolve().parent if path is not None else Path.cwd()
    return Place(settings=settings, home=home)


def city_problems(settings: CityFile) -> list[str]:
    """What the types alone can't tell."""
    problems = []
    division = settings.city.division
    if not (len(division) == 6 and division.isascii() and division.isdecimal()):
        problems.append(f"city.division: must be 6 digits (GB/T 2260), not {division!r}")
    if settings.city.timezone not in available_timezones():
        problems.append(f"city.timezone: {settings.city.timezone!r} is no IANA zone; for example Asia/Shanghai")
    if not settings.city.public_url.startswith(("http://", "https://")):
        problems.append("city.public_url: must start with http:// or https://")
    if not settings.records.url.startswith(("sqlite:///", "postgresql+psycopg://")):
        problems.append("records.url: must start with sqlite:/// or postgresql+psycopg://")
    problems += _series_problems(settings.records)
    for name, port in (("broker.port", settings.broker.port), ("web.port", settings.web.port)):
        if not 1 <= port <= 65535:
            problems.append(f"{name}: must be between 1 and 65535, not {port}")
    if not 1 <= settings.web.processes <= MOST_PROCESSES:
        problems.append(f"web.processes: must be between 1 and {MOST_PROCESSES}, not {settings.web.processes}")
    if settings.rules.warn_cases < 0:
        problems.append(f"rules.warn_cases: must be 0 or more, not {settings.rules.warn_cases}")
    watched = settings.metrics
    for name, port in (("ingest_port", watched.ingest_port), ("worker_port", watched.worker_port)):
        if not 0 <= port <= 65535:
            problems.append(f"metrics.{name}: must be 0 (none) or a port up to 65535, not {port}")
    try:
        read_networks(settings.web.metrics_from)
    except ValueError as error:
        problems.append(f"web.metrics_from: {error}; write networks such as 127.0.0.0/8, 10.1.0.0/16")
    return problems + base_map_problems(settings.web)


def _series_problems(records: RecordSettings) -> list[str]:
    problem = address_problem(records.series)
    if not problem and "@" in records.series and is_server(records.series):
        problem = "the address must not hold the token, which `config show` would show: set records.series_token"
    problems = [f"records.series: {problem}"] if problem else []
    kept = {name: getattr(records, name) for name in KEEP_SETTINGS}
    problems += [
        f"records.{name}: must be 0 (for ever) or more days, not {days}" for name, days in kept.items() if days < 0
    ]
    for (finer, fewer), (coarser, more) in pairwise(kept.items()):
        if more and (not fewer or fewer > more):
            problems.append(
                f"records.{coarser}: must be no less than records.{finer} ({fewer or 'for ever'}), not {more}"
            )
    return problems
