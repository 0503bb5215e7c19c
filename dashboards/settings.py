"""What can be set about the web part, and what it needs to know of its city. Values only; loading is elsewhere."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """The ``[web]`` table of the settings file."""

    host: str = field(
        default="127.0.0.1", metadata={"help": "Address to listen on; 0.0.0.0 is every address of this machine"}
    )
    port: int = field(default=8080, metadata={"help": "Port to listen on"})
    processes: int = field(
        default=2,
        metadata={"help": "Processes that answer requests, each with 64 threads; one for each core is sensible"},
    )
    secret_file: Path = field(
        default=Path("var/web-secret"),
        metadata={"help": "File with the key that signs sessions; made on the first start, readable by its owner only"},
    )
    session_hours: float = field(default=12.0, metadata={"help": "How long a sign-in lasts at most", "unit": "h"})
    session_idle_hours: float = field(
        default=4.0,
        metadata={"help": "How long a sign-in lasts without being used; an open live page uses it", "unit": "h"},
    )
    tile_url: str = field(
        default="",
        metadata={"help": "Map tiles, as https://host/{z}/{x}/{y}.png; empty draws the city on a plain background"},
    )
    upload_limit_mb: float = field(
        default=12.0, metadata={"help": "Largest request body, photos and fields together", "unit": "MB"}
    )
    import_limit_mb: float = field(
        default=300.0, metadata={"help": "Largest file that an import takes through the page", "unit": "MB"}
    )
    scan_far_m: float = field(
        default=100.0,
        metadata={
            "help": "A scan farther than this (and the phone's own error) from the asset's place is flagged",
            "unit": "m",
        },
    )
    trusted_proxies: int = field(
        default=0,
        metadata={"help": "How many reverse proxies stand in front; their X-Forwarded headers are believed"},
    )
    metrics_from: str = field(
        default="127.0.0.0/8, ::1/128",
        metadata={"help": "Networks that may read /metrics without an API token, separated by commas; empty: none"},
    )


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def read_networks(text: str) -> tuple[Network, ...]:
    """Networks in CIDR form, separated by commas. Raises ``ValueError`` that names the first that is none."""
    return tuple(ipaddress.ip_network(word.strip()) for word in text.split(",") if word.strip())


class City(Protocol):
    """What pages say about the city they show, and where its files lie."""

    @property
    def name(self) -> str:
        """The city's name as pages show it."""

    @property
    def division(self) -> str:
        """The six digits of the county division that component codes begin with."""

    @property
    def timezone(self) -> str:
        """An IANA time zone name; every time on a page is in this zone."""

    @property
    def public_url(self) -> str:
        """The address people reach the pages at, as printed on labels."""

    @property
    def demo(self) -> bool:
        """Whether demo accounts may sign in."""

    @property
    def data_dir(self) -> Path:
        """The folder that holds photos."""

    @property
    def warn_cases(self) -> int:
        """A rule that would have raised more cases than this yesterday warns before it is saved."""
