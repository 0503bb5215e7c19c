"""Every operation of the API, in the order that readers meet them."""

from __future__ import annotations

from dashboards.api import assets, figures, fittings, live, plates, work
from dashboards.api.operation import Operation

OPERATIONS: tuple[Operation, ...] = (
    *assets.OPERATIONS,
    *plates.OPERATIONS,
    *fittings.OPERATIONS,
    *work.OPERATIONS,
    *figures.OPERATIONS,
    *live.OPERATIONS,
)
