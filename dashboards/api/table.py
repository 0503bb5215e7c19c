"""Every operation of the API, in the order that readers meet them."""

from __future__ import annotations

from dashboards.api import (
    assets,
    cabinets,
    classes,
    figures,
    fittings,
    imports,
    letters,
    live,
    people,
    places,
    plates,
    printing,
    repairs,
    work,
)
from dashboards.api.operation import Operation

OPERATIONS: tuple[Operation, ...] = (
    *assets.OPERATIONS,
    *plates.OPERATIONS,
    *fittings.OPERATIONS,
    *cabinets.OPERATIONS,
    *work.OPERATIONS,
    *classes.OPERATIONS,
    *places.OPERATIONS,
    *imports.OPERATIONS,
    *printing.OPERATIONS,
    *people.OPERATIONS,
    *letters.OPERATIONS,
    *figures.OPERATIONS,
    *repairs.OPERATIONS,
    *live.OPERATIONS,
)
