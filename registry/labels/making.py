"""Making labels: drawn, written in the format asked for, and decoded again from what was written."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

from registry.domain.errors import InvalidInput
from registry.labels.check import LabelUnreadable, check_dots, check_drawn, check_dxf, check_svg
from registry.labels.dxf import to_dxf
from registry.labels.layout import draw
from registry.labels.pdf import PdfBook
from registry.labels.plate import LabelFacts, Plate, Remark
from registry.labels.png import to_picture, to_png
from registry.labels.svg import to_svg
from registry.labels.template import ErrorLevel, LabelTemplate
from registry.labels.template_check import check_template
from registry.labels.zpl import to_zpl, zpl_dots

Format = Literal["svg", "png", "pdf", "zpl", "dxf"]
FORMATS: tuple[Format, ...] = get_args(Format)
DEFAULT_DPI = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeLabel:
    """One label of a batch: ``content`` in the format asked for, or empty with the ``problem`` that prevented it.

    ``qr_version`` and ``error_level`` state the symbol; ``remarks`` say what had to be shortened.
    """

    token: str
    content: bytes
    problem: str = ""
    qr_version: int = 0
    error_level: ErrorLevel = "Q"
    remarks: tuple[Remark, ...] = ()


def make_label(
    template: LabelTemplate,
    facts: LabelFacts,
    fmt: Format,
    dpi: int | None = None,
    *,
    chinese: bool = True,
) -> bytes:
    """The label of ``facts``, decoded again before it is returned. ``dpi`` counts for pixels (PNG, ZPL) only.

    Without ``dpi`` the template's roll decides, else 300. Raises ``InvalidInput`` for a template, facts or resolution
    that can't be printed (the field says which), ``LabelUnreadable`` for a label that does not say its token.
    """
    require_good(template)
    return write(draw(template, facts, chinese=chinese), fmt, dpi)


def make_labels(
    template: LabelTemplate, facts: Sequence[LabelFacts], fmt: Format, dpi: int | None = None
) -> Iterator[MadeLabel]:
    """A label for each of ``facts``, one after the other; one that can't be made says why and stops nobody.

    Raises ``InvalidInput`` at once for a template that is wrong for all of them.
    """
    require_good(template)
    return (_made(template, each, fmt, dpi) for each in facts)


def _made(template: LabelTemplate, facts: LabelFacts, fmt: Format, dpi: int | None) -> MadeLabel:
    try:
        plate = draw(template, facts)
        content = write(plate, fmt, dpi)
    except (InvalidInput, LabelUnreadable) as error:
        return MadeLabel(token=facts.token, content=b"", problem=str(error))
    qr = plate.symbol.qr
    return MadeLabel(
        token=facts.token, content=content, qr_version=qr.version, error_level=qr.level, remarks=plate.remarks
    )


def write(plate: Plate, fmt: Format, dpi: int | None = None) -> bytes:
    """``plate`` in a format, decoded again from what was written."""
    if fmt == "svg":
        document = to_svg(plate)
        check_svg(document, plate.address)
        return document.encode()
    if fmt == "png":
        picture = to_picture(plate, default_dpi(plate.template) if dpi is None else dpi)
        check_drawn(picture, plate.address)
        return to_png(picture)
    if fmt == "zpl":
        picture = to_picture(plate, default_dpi(plate.template) if dpi is None else dpi)
        job = to_zpl(picture)
        check_dots(zpl_dots(job), plate.address, picture.module_px)
        return job.encode("ascii")
    if fmt == "dxf":
        drawing = to_dxf(plate)
        check_dxf(drawing, plate.address, plate.symbol.module_mm)
        return drawing.encode()
    if fmt == "pdf":
        out = io.BytesIO()
        book = PdfBook(out)
        book.add(plate)
        book.close()
        return out.getvalue()
    raise InvalidInput("format", "{given!r} is none of {known}", given=fmt, known=", ".join(FORMATS))


def sheet_pdf(template: LabelTemplate, facts: Iterable[LabelFacts], start_position: int = 1) -> bytes:
    """The labels on as many sheets as they need, the first one at ``start_position``; each decoded again.

    Without a sheet in the template every label has a page of its own. Raises as ``make_label`` does.
    """
    require_good(template)
    out = io.BytesIO()
    book = PdfBook(out, sheet=template.sheet, start_position=start_position)
    for each in facts:
        book.add(draw(template, each))
    book.close()
    return out.getvalue()


def join_labels(
    template: LabelTemplate,
    facts: Sequence[LabelFacts],
    fmt: Format,
    dpi: int | None = None,
    *,
    start_position: int = 1,
) -> bytes:
    """Several labels in one file: PDF (a page each, or sheets) or ZPL (job after job); other formats hold one label.

    Raises ``InvalidInput`` for several labels in a format that holds one, else as ``make_label`` does.
    """
    if fmt == "pdf":
        return sheet_pdf(template, facts, start_position)
    if fmt != "zpl" and len(facts) != 1:
        raise InvalidInput(
            "format", "a {fmt} file holds one label; choose pdf or zpl, or make them one by one", fmt=fmt.upper()
        )
    return b"".join(make_label(template, each, fmt, dpi) for each in facts)


def default_dpi(template: LabelTemplate) -> int:
    """The resolution of the template's own printer, else 300."""
    return template.roll.dpi if template.roll else DEFAULT_DPI


def require_good(template: LabelTemplate) -> None:
    """Raise ``InvalidInput`` for the first thing that is wrong with ``template``."""
    for problem in _problems(template):
        raise problem


@lru_cache(maxsize=64)
def _problems(template: LabelTemplate) -> tuple[InvalidInput, ...]:
    return tuple(check_template(template))
