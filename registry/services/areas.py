"""Areas on file: districts, streets, communities, unit grid cells, responsibility grids; which one holds a place."""

from __future__ import annotations

from registry.services.area_index import AREAS, Located, locate

__all__ = ["AREAS", "Located", "locate"]
