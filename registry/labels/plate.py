"""What stands where on a plate: one drawing in millimetres, which SVG and PNG both follow.

The plate is 60 × 90 mm. The symbol is a QR code at error level Q in alphanumeric mode (fewer, larger modules), black on
white whatever the plate's colour, with the four modules of quiet zone that readers need.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal
from urllib.parse import urlsplit

import qrcode
from qrcode.constants import ERROR_CORRECT_Q
from qrcode.util import MODE_ALPHA_NUM, QRData

from registry.domain.codes import read_code
from registry.domain.errors import InvalidInput
from registry.domain.kinds import Family
from registry.domain.tokens import grouped, read_token

WIDTH_MM = 60.0
HEIGHT_MM = 90.0
QUIET_MODULES = 4
_QR_ALPHANUMERIC = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")
_QR_SIDE_MM = 52.0  # with the quiet zone
_QR_TOP_MM = 16.2
_INK = "#16202c"
_PAPER = "#ffffff"
_FAINT = "#55606e"
_COLOURS = {Family.COVER: "#0f4c75", Family.LIGHT: "#8a4b08", Family.OTHER: "#35424f"}

Weight = Literal["regular", "bold"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFacts:
    """What a plate says. ``public_url`` is the city's address (scheme and host), ``code`` the 16 digits."""

    token: str
    code: str
    name_zh: str
    name_en: str
    public_url: str
    family: Family = Family.OTHER
    maintainer: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A filled rectangle; ``radius_mm`` rounds all corners."""

    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float
    colour: str
    radius_mm: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A line of text, centred on ``x_mm``, standing on ``y_mm``. ``plain`` is shown where no Chinese font is found."""

    text: str
    x_mm: float
    y_mm: float
    size_mm: float
    colour: str
    weight: Weight = "regular"
    spacing_mm: float = 0.0
    plain: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbol:
    """The QR code: rows of modules (True is black), its corner, and the side of one module."""

    modules: tuple[tuple[bool, ...], ...]
    x_mm: float
    y_mm: float
    module_mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plate:
    """Everything to draw, in this order: blocks, symbol, words."""

    title: str
    address: str
    blocks: tuple[Block, ...]
    symbol: Symbol
    words: tuple[Words, ...]


def tag_address(public_url: str, token: str) -> str:
    """What the symbol says: ``HTTPS://HOST/Q/TOKEN``, upper case, which QR's alphanumeric mode can hold.

    Raises ``InvalidInput`` for a ``public_url`` with a path or with characters that mode does not have.
    """
    parts = urlsplit(public_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidInput("public_url", f"{public_url!r} must look like https://covers.example.cn")
    if parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise InvalidInput("public_url", f"{public_url!r} must be scheme and host only: plates end in /Q/TOKEN")
    address = f"{parts.scheme}://{parts.netloc}/Q/{read_token(token)}".upper()
    foreign = sorted(set(address) - _QR_ALPHANUMERIC)
    if foreign:
        raise InvalidInput(
            "public_url", f"{public_url!r} has {' '.join(foreign)}, which plates can't carry; use a plain host name"
        )
    return address


def draw_plate(facts: LabelFacts) -> Plate:
    """The plate of ``facts``; raises ``InvalidInput`` for a token, code or address that can't be printed."""
    address = tag_address(facts.public_url, facts.token)
    code = read_code(facts.code)
    colour = _COLOURS[facts.family]
    middle = WIDTH_MM / 2
    modules = qr_modules(address)
    module = _QR_SIDE_MM / (len(modules) + 2 * QUIET_MODULES)
    corner = (WIDTH_MM - len(modules) * module) / 2
    blocks = (
        Block(x_mm=0, y_mm=0, width_mm=WIDTH_MM, height_mm=HEIGHT_MM, colour=colour, radius_mm=4.0),
        Block(x_mm=1.2, y_mm=16.2, width_mm=WIDTH_MM - 2.4, height_mm=66.0, colour=_PAPER, radius_mm=2.6),
    )
    words = [
        *_title(facts, middle),
        _line(code.grouped, 72.0, 4.4, _INK, weight="bold", spacing_mm=0.15),
        _line(grouped(read_token(facts.token)), 76.5, 3.4, _INK, spacing_mm=0.4),
        _line("扫码查看 · 报修   Scan to see and report", 80.1, 2.3, _FAINT, plain="Scan to see and report"),
        *_keeper(facts),
    ]
    return Plate(
        title=f"{facts.name_zh} {code.grouped}",
        address=address,
        blocks=blocks,
        symbol=Symbol(modules=modules, x_mm=corner, y_mm=_QR_TOP_MM + QUIET_MODULES * module, module_mm=module),
        words=tuple(words),
    )


@lru_cache(maxsize=512)
def qr_modules(address: str) -> tuple[tuple[bool, ...], ...]:
    """The modules of the symbol, without quiet zone; remembered, since one plate is drawn more than once."""
    symbol = qrcode.QRCode(error_correction=ERROR_CORRECT_Q, border=0)
    symbol.add_data(QRData(address, mode=MODE_ALPHA_NUM))
    symbol.make(fit=True)
    return tuple(tuple(bool(module) for module in row) for row in symbol.modules)


def _title(facts: LabelFacts, middle: float) -> list[Words]:
    room = WIDTH_MM - 6.0
    zh, en = facts.name_zh.strip(), facts.name_en.strip()
    size = _fitting(zh, 7.0, room)
    lines = [
        Words(text=zh, x_mm=middle, y_mm=9.2, size_mm=size, colour=_PAPER, weight="bold", spacing_mm=0.4, plain=en),
    ]
    if en:
        lines.append(Words(text=en, x_mm=middle, y_mm=13.9, size_mm=_fitting(en, 3.4, room), colour=_PAPER, plain=""))
    return lines


def _keeper(facts: LabelFacts) -> list[Words]:
    who, phone = facts.maintainer.strip(), facts.phone.strip()
    if who and phone:
        return [_line(who, 85.5, 2.6, _PAPER), _line(phone, 88.6, 2.7, _PAPER, weight="bold")]
    if who or phone:
        return [_line(who or phone, 87.2, 3.0, _PAPER)]
    return [_line("CoverCode", 87.2, 3.0, _PAPER, spacing_mm=0.3)]


def _line(
    text: str,
    y_mm: float,
    size_mm: float,
    colour: str,
    *,
    weight: Weight = "regular",
    spacing_mm: float = 0.0,
    plain: str | None = None,
) -> Words:
    return Words(
        text=text,
        x_mm=WIDTH_MM / 2,
        y_mm=y_mm,
        size_mm=_fitting(text, size_mm, WIDTH_MM - 8.0),
        colour=colour,
        weight=weight,
        spacing_mm=spacing_mm,
        plain=plain,
    )


def _fitting(text: str, size_mm: float, room_mm: float) -> float:
    """``size_mm``, or what makes ``text`` fit: Chinese characters are as wide as high, Latin ones about 0.6 of it."""
    width_em = sum(1.0 if unicodedata.east_asian_width(letter) in "WF" else 0.6 for letter in text)
    return min(size_mm, room_mm / width_em) if width_em else size_mm
