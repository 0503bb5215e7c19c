"""What a document is made of, from top to bottom. Plain values: they can be compared, tested and printed twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Side = Literal["left", "center", "right"]


@dataclass(frozen=True, slots=True)
class Masthead:
    """红头: the issuing body in large red letters, the document's number below, a red rule."""

    issuer: str
    number: str = ""


@dataclass(frozen=True, slots=True)
class Title:
    """The document's title, centred."""

    text: str


@dataclass(frozen=True, slots=True)
class Heading:
    """The head of a part."""

    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text. ``indent``: the first line begins two letters in, as Chinese documents do."""

    text: str
    indent: bool = True
    bold: bool = False
    side: Side = "left"


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and what belongs to them, a line each."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its head, its share of the width, and to which side its cells keep."""

    head: str
    share: float = 1.0
    side: Side = "left"


@dataclass(frozen=True, slots=True)
class Grid:
    """A table; its head is printed again on every page that it reaches."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """Empty room, in millimetres."""

    height_mm: float = 6.0


@dataclass(frozen=True, slots=True)
class Signature:
    """落款: who signs and when, at the right."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG as it lies on the disk, at most ``height_mm`` high, with words below."""

    path: str
    words: str = ""
    height_mm: float = 70.0


Block = Masthead | Title | Heading | Paragraph | Facts | Grid | Gap | Signature | Picture


def words_of(block: Block) -> list[str]:
    """Every text in a block: the letters that its document needs."""
    match block:
        case Masthead():
            return [block.issuer, block.number]
        case Facts():
            return [text for pair in block.pairs for text in pair]
        case Grid():
            return [column.head for column in block.columns] + [text for row in block.rows for text in row]
        case Signature():
            return list(block.lines)
        case Picture():
            return [block.words]
        case Gap():
            return []
        case _:
            return [block.text]
