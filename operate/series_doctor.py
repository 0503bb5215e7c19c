"""What ``covercode doctor`` says of who may reach the series: a server of theirs has to ask who comes."""

from __future__ import annotations

from collections.abc import Iterator

from operate.city_file import Place
from operate.finding import Finding
from registry.domain.errors import StoreDown
from registry.storage.series.opening import answers_strangers, is_server

PART = "series access"
_ADVICE = (
    "Debian's InfluxDB on this machine: run deploy/set-up-stores.sh again; another one: make it ask for a password and "
    "set records.series_token to the city's account there (docs/series.md)"
)


def look_at_series_access(place: Place) -> Iterator[Finding]:
    """Whether a stranger is refused. Nothing of a file, and nothing of a server that is away: that is told already."""
    address = place.settings.records.series
    if not is_server(address):
        return
    try:
        open_to_all = answers_strangers(address)
    except StoreDown:
        return
    if open_to_all:
        said = f"{address} asks nobody who they are: whoever reaches it can delete all readings"
        yield Finding(PART, False, said, _ADVICE)
    else:
        yield Finding(PART, True, f"{address} refuses who shows no password or token")
