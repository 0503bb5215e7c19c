"""Vector tiles as the map's own library reads them: an independent decoder, one process for as many as like."""

from __future__ import annotations

import json
import math
import subprocess
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from registry.domain.vector_tile import Spot

Layers = dict[str, list[dict[str, Any]]]
_DECODER = Path(__file__).with_suffix("").parent / "vector_tile.mjs"
_FRONT_END = Path(__file__).parent.parent / "dashboards" / "frontend"


def decoded_all(bodies: Sequence[bytes | None]) -> list[Layers]:
    """The features of each tile by layer: id, type, properties, x and y of the first point, rings."""
    given = json.dumps([b64encode(body or b"").decode() for body in bodies])
    told = subprocess.run(
        ["node", str(_DECODER)], input=given.encode(), capture_output=True, check=True, cwd=_FRONT_END
    )
    read: list[Layers] = json.loads(told.stdout)
    return read


def decoded(body: bytes | None) -> Layers:
    """One tile."""
    return decoded_all([body])[0]


def spot_at(lon: float, lat: float, z: int) -> Spot:
    """The tile that holds a place."""
    across = 1 << z
    down = 0.5 - math.asinh(math.tan(math.radians(lat))) / math.tau
    return Spot(z, int((lon + 180) / 360 * across), int(down * across))
