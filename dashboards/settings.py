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
    base_map: str = field(
        default="",
        metadata={
            "help": "What lies under the map: tianditu, amap, osm (or any such tiles at web.tile_url), pmtiles; "
            "empty: web.tile_url if given, else the city on a plain background"
        },
    )
    base_map_key: str = field(
        default="",
        metadata={"help": "Key of the base map's owner (Tianditu's tk); browsers see it, so bind it to this site"},
    )
    base_map_file: str = field(default="", metadata={"help": "A PMTiles file on this machine, for base_map = pmtiles"})
    base_map_crs: str = field(
        default="",
        metadata={"help": "Coordinates of the tiles: wgs84 or gcj02; empty: what the base map is known to have"},
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


BASE_MAPS = ("", "tianditu", "amap", "osm", "pmtiles")
BASE_MAP_SYSTEMS = ("", "wgs84", "gcj02")


def base_map_problems(web: WebSettings) -> list[str]:
    """What is wrong with the choice of a base map, each with its remedy."""
    problems = []
    if web.base_map not in BASE_MAPS:
        problems.append(f"web.base_map: must be one of tianditu, amap, osm, pmtiles or empty, not {web.base_map!r}")
    if web.base_map_crs not in BASE_MAP_SYSTEMS:
        problems.append(f"web.base_map_crs: must be wgs84, gcj02 or empty, not {web.base_map_crs!r}")
    if web.base_map == "tianditu" and not web.base_map_key:
        problems.append("web.base_map_key: Tianditu asks for a key (tk): get one at its console for browsers")
    if web.base_map == "pmtiles" and not web.base_map_file:
        problems.append("web.base_map_file: name the PMTiles file that lies on this machine")
    return problems


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
