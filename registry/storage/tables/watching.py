"""What people watch: counts for the map's tiles, selections, layers, boards, links for screens, vehicles and radios."""

from __future__ import annotations
