"""The PDF files of a print run: sheets or single labels, a thousand labels to a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

from registry.labels import LabelFacts, LabelTemplate
from registry.labels.layout import draw
from registry.services.print_files import keep_file

LABELS_IN_FILE = 1_000
"""Printers and their programs get slow with more; also the most that is held in memory."""


def write_pdfs(
    folder: Path,
    template: LabelTemplate,
    labels: Iterable[LabelFacts],
    start_position: int,
    beat: Callable[[], None],
) -> None:
    """``labels.pdf``, or ``labels-001.pdf`` … when there are many; only the first sheet begins at ``start_position``.

    ``beat`` is called after each file.
    """
    places = template.sheet.columns * template.sheet.rows if template.sheet else 1
    full = max(places, LABELS_IN_FILE // places * places)  # whole sheets, so that the next file begins a new one
    rest = iter(labels)
    taken = list(islice(rest, full - (start_position - 1)))
    following = next(rest, None)
    if following is None:
        keep_file(folder, "labels.pdf", _pdf(template, taken, start_position))
        return
    number, start = 1, start_position
    while taken:
        keep_file(folder, f"labels-{number:03d}.pdf", _pdf(template, taken, start))
        beat()
        number, start = number + 1, 1
        taken = list(_with(following, islice(rest, full - 1)))
        following = next(rest, None)


def _with(first: LabelFacts | None, others: Iterable[LabelFacts]) -> Iterator[LabelFacts]:
    if first is not None:
        yield first
        yield from others


def _pdf(template: LabelTemplate, labels: list[LabelFacts], start_position: int) -> bytes:
    from registry.labels.pdf import to_pdf

    return to_pdf([draw(template, facts) for facts in labels], template.sheet, start_position)
