"""What the registry can be told: where it keeps things, and which city it serves. Read by ``operate.settings``."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class CitySettings:
    """Section ``[city]``."""

    name: str = field(default="示范市", metadata={"help": "the city's name, shown at the top of every page"})
    name_en: str = field(default="Demo City", metadata={"help": "the same in English"})
    division: str = field(
        default="320508", metadata={"help": "county-level division (GB/T 2260), the first 6 digits of every code"}
    )
    timezone: str = field(default="Asia/Shanghai", metadata={"help": "IANA zone in which pages show times"})
    public_url: str = field(
        default="http://127.0.0.1:8080", metadata={"help": "address printed on plates: where citizens reach the pages"}
    )
    demo: bool = field(default=False, metadata={"help": "let the demo accounts log in; never switch on in a real city"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSettings:
    """Section ``[records]``. Paths are relative to the settings file."""

    url: str = field(
        default="sqlite:///covercode.db",
        metadata={"help": "records database: sqlite:///PATH or postgresql+psycopg://…"},
    )
    series: str = field(
        default="series.db",
        metadata={
            "help": "series store: a file of the embedded one, or influxdb+http://HOST:8086/DATABASE"
            " (InfluxDB 1.x to 3.x; ?org=NAME for 2.x)"
        },
    )
    series_token: str = field(
        default="",
        metadata={"help": "token of the series server; for InfluxDB 1.x NAME:PASSWORD", "secret": True},
    )
    keep_raw_days: int = field(
        default=730, metadata={"help": "how long every single reading stays; 0: for ever", "unit": "days"}
    )
    keep_5min_days: int = field(
        default=1830, metadata={"help": "how long five-minute roll-ups stay; 0: for ever", "unit": "days"}
    )
    keep_hour_days: int = field(
        default=0, metadata={"help": "how long hourly roll-ups stay; 0: for ever", "unit": "days"}
    )
    keep_day_days: int = field(
        default=0, metadata={"help": "how long daily roll-ups stay; 0: for ever", "unit": "days"}
    )
    data: str = field(default="data", metadata={"help": "folder for files: photos in a folder of their own"})
    profiles: str = field(
        default="",
        metadata={"help": "folder with further device profiles (*.toml), for replaying frames; empty: only ours"},
    )
    keep_feed_days: int = field(default=7, metadata={"help": "how long live events stay", "unit": "days"})
    keep_letters_days: int = field(default=90, metadata={"help": "how long dead letters stay", "unit": "days"})
    keep_commands_days: int = field(
        default=180,
        metadata={
            "help": "how long commands to cabinets stay after they have ended; the audit keeps who ordered them",
            "unit": "days",
        },
    )
    keep_notices_days: int = field(
        default=730,
        metadata={"help": "how long notices stay after their alert was over; alerts and cases stay", "unit": "days"},
    )
    keep_uploads_days: int = field(
        default=90,
        metadata={"help": "how long an import's file stays after its run; records and report stay", "unit": "days"},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSettings:
    """Section ``[rules]``."""

    warn_cases: int = field(
        default=20,
        metadata={"help": "a rule that would have raised more cases than this yesterday warns before it is saved"},
    )


KEEP_SETTINGS = ("keep_raw_days", "keep_5min_days", "keep_hour_days", "keep_day_days")
"""How long each level of the series stays, finest first; a coarser one must not go before a finer."""
