"""Every operation of the API, in the order that readers meet them."""

from __future__ import annotations

from dashboards.api import assets, classes, figures, fittings, imports, live, people, places, plates, printing, work
from dashboards.api.operation import Operation

OPERATIONS: tuple[Operation, ...] = (
    *assets.OPERATIONS,
    *plates.OPERATIONS,
    *fittings.OPERATIONS,
    *work.OPERATIONS,
    *classes.OPERATIONS,
    *places.OPERATIONS,
    *imports.OPERATIONS,
    *printing.OPERATIONS,
    *people.OPERATIONS,
    *figures.OPERATIONS,
    *live.OPERATIONS,
)
