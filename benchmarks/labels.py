"""How many labels one core draws and decodes again in a second, beside the library ``qrcode`` with its defaults.

Each format makes labels of its own tokens with a shipped template, the way a print run does (``make_labels``; a PDF as
one book), and counts only those whose finished picture said its address. The baseline makes a PNG of nothing but the
symbol and decodes nothing. CPU time is what one free core would need; wall time says how busy this machine was. The
labels are made in slices; the figure is the median slice, so that a neighbour's burst of work does not decide it.
"""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable, Sequence
from itertools import islice
from random import Random
from typing import Any, NamedTuple

import qrcode

from registry.domain.kinds import Family
from registry.domain.tokens import new_token
from registry.labels import Format, LabelFacts, LabelTemplate, make_labels, shipped_templates, tag_address
from registry.labels.layout import draw
from registry.labels.pdf import PdfBook

DEFAULT_SECONDS = 4.0
SLICE = 25
WARM_UP = 100
CITY = "https://covers.example.cn"
CASES: tuple[tuple[str, str, Format, int | None], ...] = (
    ("png_300", "plate-60x90", "png", 300),
    ("png_203", "plate-60x90", "png", 203),
    ("svg", "plate-60x90", "svg", None),
    ("pdf", "plate-60x90", "pdf", None),
    ("zpl_203", "roll-50x30", "zpl", 203),
    ("dxf", "cover-disc-60", "dxf", None),
    ("svg_engraved", "cover-disc-60", "svg", None),
)
MAIN = "png_300"


class Rate(NamedTuple):
    """Labels a second: by CPU time of the median slice and of the best, and by wall time over all."""

    per_core: float
    best: float
    wall: float
    made: int


def run(seconds: float | None = None) -> dict[str, Any]:
    """Figures of each format; ``seconds`` is how long each is measured (None: 4)."""
    length_s = seconds or DEFAULT_SECONDS
    templates = {template.key: template for template in shipped_templates()}
    facts = _facts()
    figures: dict[str, Any] = {}
    verified = 0
    for name, key, fmt, dpi in CASES:
        rate = _measure(_maker(templates[key], fmt, dpi), facts, length_s)
        figures[f"{name}_per_s_per_core"] = round(rate.per_core)
        figures[f"{name}_best_slice"] = round(rate.best)
        figures[f"{name}_wall_per_s"] = round(rate.wall)
        verified += rate.made
    plain = _measure(_plain, facts, length_s)
    main = figures[f"{MAIN}_per_s_per_core"]
    return {
        "figures": {"labels_per_s_per_core": main, "verified": verified, "failed": 0, **figures},
        "baseline": {
            "qrcode_default_per_s_per_core": round(plain.per_core),
            "qrcode_default_wall_per_s": round(plain.wall),
        },
        "ratios": {"vs_qrcode_default": round(main / plain.per_core, 2)},
        "config": {
            "main": f"{MAIN}: plate-60x90 as PNG at 300 dpi",
            "cases": {name: f"{key} {fmt} {dpi or ''}".strip() for name, key, fmt, dpi in CASES},
            "slice": SLICE,
            "seconds_each": length_s,
        },
    }


def _facts() -> Any:
    """Facts without end, each of another token and code."""
    rng = Random(7)
    number = 0
    while True:
        number += 1
        yield LabelFacts(
            token=new_token(rng),
            code=f"3205080103{number % 999_999 + 1:06d}",
            name_zh="雨水井盖",
            name_en="Storm drain cover",
            public_url=CITY,
            family=Family.COVER,
            maintainer="市政设施养护处",
            phone="0512-6500-0101",
            road=("人民路", "观前街", "干将东路", "十全街")[number % 4],
            city_zh="姑苏区城市管理局",
        )


def _measure(make: Callable[[Sequence[LabelFacts]], int], facts: Any, length_s: float) -> Rate:
    make(list(islice(facts, WARM_UP)))
    slices, made = [], 0
    began = time.perf_counter()
    while time.perf_counter() - began < length_s:
        batch = list(islice(facts, SLICE))
        start = time.process_time()
        made += make(batch)
        slices.append(time.process_time() - start)
    wall_s = time.perf_counter() - began
    return Rate(SLICE / statistics.median(slices), SLICE / min(slices), made / wall_s, made)


def _maker(template: LabelTemplate, fmt: Format, dpi: int | None) -> Callable[[Sequence[LabelFacts]], int]:
    def make(batch: Sequence[LabelFacts]) -> int:
        if fmt == "pdf":
            out = io.BytesIO()
            book = PdfBook(out, sheet=template.sheet)
            for facts in batch:
                book.add(draw(template, facts))
            book.close()
            return len(batch)
        for made in make_labels(template, batch, fmt, dpi):
            if made.problem:
                raise RuntimeError(f"{made.token}: {made.problem}")
        return len(batch)

    return make


def _plain(batch: Sequence[LabelFacts]) -> int:
    """What everybody does: ``qrcode`` with its defaults, the address as it is, saved as PNG."""
    for facts in batch:
        qrcode.make(tag_address(CITY, facts.token)).save(io.BytesIO())
    return len(batch)
