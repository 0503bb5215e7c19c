"""Why a sensor is not to be trusted: what its own rules say of it, and what its neighbours feel. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Suspicion(StrEnum):
    """A reason to doubt a sensor, the gravest first. Drift is the sensor's fault; leaning is the asset's."""

    CONTRADICTS_ITSELF = "contradicts_itself"
    STUCK = "stuck"
    DRIFTS = "drifts"
    ODD_TEMPERATURE = "odd_temperature"


BY_RULE = {
    "tilt_disagree": Suspicion.CONTRADICTS_ITSELF,
    "device_stuck": Suspicion.STUCK,
    "tilt_drift": Suspicion.DRIFTS,
}
"""While a rule of this key holds an alert, its sensor is suspect."""


def written(reasons: Iterable[Suspicion]) -> str:
    """The reasons as they are stored: their words, the gravest first, with blanks between."""
    there = set(reasons)
    return " ".join(each for each in Suspicion if each in there)


def read(text: str) -> list[Suspicion]:
    """The reasons that are stored; words of another release are passed over."""
    known = {each.value: each for each in Suspicion}
    return [known[word] for word in text.split() if word in known]
