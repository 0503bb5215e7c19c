"""The series: every reading ever taken, by point and time. One port, and the stores behind it.

Which store a city uses is one line of its settings (``records.series``); nothing outside this package knows which.
"""

from __future__ import annotations

from registry.storage.series.port import (
    Band,
    Bucket,
    Columns,
    Refused,
    Sample,
    SeriesKeep,
    SeriesRow,
    SeriesStore,
    Slot,
    Span,
)
from registry.storage.series.sqlite import SqliteSeries

__all__ = [
    "Band",
    "Bucket",
    "Columns",
    "Refused",
    "Sample",
    "SeriesKeep",
    "SeriesRow",
    "SeriesStore",
    "Slot",
    "Span",
    "SqliteSeries",
]
