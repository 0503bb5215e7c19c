"""Names that other systems give an asset: which kinds there are, what they are called, how each is written alike.

Any other kind is allowed (a column of somebody's file); it is kept as it was written.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from registry.domain.codes import dissect
from registry.domain.errors import InvalidInput

LONGEST_KIND = 40
LONGEST_VALUE = 120
_CHIP = re.compile(r"[0-9A-F]{8,32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasKind:
    """One known kind of alias. ``chip``: a number read by radio, compared in capitals and without separators."""

    key: str
    name_zh: str
    name_en: str
    chip: bool = False


OLD_CODE = "old_code"

ALIAS_KINDS: dict[str, AliasKind] = {
    kind.key: kind
    for kind in (
        AliasKind(key="owner_number", name_zh="权属单位编号", name_en="Owner's number"),
        AliasKind(key="rfid", name_zh="RFID 标签号", name_en="RFID id", chip=True),
        AliasKind(key="nfc", name_zh="NFC 标签号", name_en="NFC id", chip=True),
        AliasKind(key=OLD_CODE, name_zh="旧编码", name_en="Older code"),
        AliasKind(key="PoleID", name_zh="灯杆号", name_en="Pole number"),
    )
}


def read_alias(kind: str, value: str) -> tuple[str, str]:
    """The kind and value as they are stored; raises ``InvalidInput`` naming the field."""
    kind = kind.strip()
    if not kind or len(kind) > LONGEST_KIND:
        raise InvalidInput(
            "kind", "{given!r} must be 1 to {most} characters", given=kind[:LONGEST_KIND], most=LONGEST_KIND
        )
    known = ALIAS_KINDS.get(kind)
    value = chip_number(value) if known is not None and known.chip else plain(value)
    if kind == OLD_CODE:
        digits, findings = dissect(value)
        value = value if findings else digits
    if not value or len(value) > LONGEST_VALUE:
        raise InvalidInput("value", "{given!r} must be 1 to {most} characters", given=value[:40], most=LONGEST_VALUE)
    if known is not None and known.chip and not _CHIP.fullmatch(value):
        raise InvalidInput(
            "value", "{given!r} must be the chip's 8 to 32 hexadecimal digits, e.g. 04A23B1C5D80", given=value[:40]
        )
    return kind, value


def plain(value: str) -> str:
    """Full-width signs made narrow, blanks at the ends left out."""
    return unicodedata.normalize("NFKC", value).strip()


def chip_number(value: str) -> str:
    """A chip's number in capitals without blanks, colons and hyphens: readers print one number in many ways."""
    return re.sub(r"[\s:.-]", "", plain(value)).upper().removeprefix("0X")


def ways_to_write(text: str) -> list[str]:
    """What to look for when ``text`` may be an alias of any kind, as stored."""
    return list(dict.fromkeys(way for way in (text.strip(), plain(text), chip_number(text)) if way))
