"""Every operation of the API, in the order that readers meet them."""

from __future__ import annotations

from dashboards.api import assets, figures, live
from dashboards.api.operation import Operation

OPERATIONS: tuple[Operation, ...] = (
    *assets.OPERATIONS,
    *figures.OPERATIONS,
    *live.OPERATIONS,
)
