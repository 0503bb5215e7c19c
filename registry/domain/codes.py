"""The component code (部件编码) of CJ/T 214 and GB/T 30428.2: 6 digits county division, 4 class, 6 serial.

A code is permanent: a serial is never given twice, not even after its component was scrapped.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from registry.domain.errors import InvalidInput

MAX_SERIAL = 999_999
"""The last number six digits hold; a division that passes it in one class needs an extension class."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ComponentCode:
    """One code in its parts; ``str()`` gives the 16 digits."""

    division: str
    class_code: str
    serial: int

    def __str__(self) -> str:
        return f"{self.division}{self.class_code}{self.serial:06d}"

    @property
    def grouped(self) -> str:
        """As people read it aloud and as plates print it: ``320508 0101 000001``."""
        return f"{self.division} {self.class_code} {self.serial:06d}"


def read_code(text: str) -> ComponentCode:
    """The code in ``text`` (blanks between its groups are ignored); raises ``InvalidInput`` saying what is wrong."""
    digits = "".join(text.split())
    if not (digits.isascii() and digits.isdigit()):
        raise InvalidInput("code", "{given!r} must be digits only: 6 division, 4 class, 6 serial", given=text)
    if len(digits) != 16:
        raise InvalidInput(
            "code", "{given!r} has {count} digits; a component code has 16", given=text, count=len(digits)
        )
    serial = int(digits[10:])
    if serial == 0:
        raise InvalidInput("code", "{given!r} ends in serial 000000; serials begin at 000001", given=text)
    return ComponentCode(division=read_division(digits[:6]), class_code=read_class_code(digits[6:10]), serial=serial)


def read_division(text: str) -> str:
    """A county-level division code (GB/T 2260): six digits, the first not 0."""
    if len(text) != 6 or not (text.isascii() and text.isdigit()) or text[0] == "0":
        raise InvalidInput("division", "{given!r} must be six digits that begin with 1 to 9, e.g. 320508", given=text)
    return text


def read_class_code(text: str) -> str:
    """Major and minor class: four digits, neither half 00."""
    if len(text) != 4 or not (text.isascii() and text.isdigit()) or "00" in (text[:2], text[2:]):
        raise InvalidInput("class_code", "{given!r} must be four digits, major and minor class, e.g. 0118", given=text)
    return text


EXTENSION_MAJOR = "21"
"""Where tables in the layout of 2007 put a city's own classes (扩展部件); 2013 counts minor classes down from 99."""


def next_extension(taken: Collection[str], major: str = EXTENSION_MAJOR) -> str:
    """The class code a city's next own class should get, given the codes its table has.

    Major 21 counts up from 2101 (layout of 2007); any other major counts its minor classes down from 99 (2013), so that
    later editions of the standard, which count up, don't meet it. Raises ``InvalidInput`` when no number is left.
    """
    if len(major) != 2 or not (major.isascii() and major.isdigit()) or major == "00":
        raise InvalidInput("major", "{given!r} must be two digits, e.g. 21 or 01", given=major)
    minors = range(1, 100) if major == EXTENSION_MAJOR else range(99, 0, -1)
    for minor in minors:
        if f"{major}{minor:02d}" not in taken:
            return f"{major}{minor:02d}"
    raise InvalidInput("major", "{given} has no number left; use another major class", given=major)


class Part(StrEnum):
    """The parts of a component code, for saying which one is wrong."""

    CODE = "code"
    DIVISION = "division"
    CLASS_CODE = "class_code"
    SERIAL = "serial"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something about one part of a code. ``first`` and ``last`` are its digits, from 1; ``grave``: it is no code.

    ``key`` and ``args`` say the same as ``problem`` for pages, which have words in more languages.
    """

    part: Part
    key: str
    problem: str
    args: Mapping[str, object] = field(default_factory=dict)
    grave: bool = True
    first: int = 1
    last: int = 16


def dissect(text: str) -> tuple[str, list[Finding]]:
    """The digits of ``text`` (full-width ones and separators are forgiven) and all that is wrong with their form."""
    plain = unicodedata.normalize("NFKC", text)
    digits = "".join(symbol for symbol in plain if not symbol.isspace() and symbol not in "-_.·")
    foreign = [(at, symbol) for at, symbol in enumerate(digits, start=1) if not ("0" <= symbol <= "9")]
    if not digits:
        return "", [Finding(part=Part.CODE, key="empty", problem="is empty; a component code has 16 digits")]
    found = [_foreign(at, symbol) for at, symbol in foreign[:3]]
    if len(digits) != 16:
        found.append(_wrong_length(digits))
    if found:
        return digits, found
    if digits[0] == "0":
        found.append(
            _of(Part.DIVISION, "division_zero", f"{digits[:6]} can't begin with 0; divisions begin with 1 to 9")
        )
    for first, half in ((7, digits[6:8]), (9, digits[8:10])):
        if half == "00":
            which = "major" if first == 7 else "minor"
            problem = f"the {which} class (digits {first} and {first + 1}) is 00; it must be 01 to 99"
            found.append(
                Finding(part=Part.CLASS_CODE, key=f"{which}_zero", problem=problem, first=first, last=first + 1)
            )
    if digits[10:] == "000000":
        found.append(_of(Part.SERIAL, "serial_zero", "serial 000000 is never given; serials begin at 000001"))
    return digits, found


_DIGITS = {Part.CODE: (1, 16), Part.DIVISION: (1, 6), Part.CLASS_CODE: (7, 10), Part.SERIAL: (11, 16)}
_LOOKALIKES = {"O": "0", "o": "0", "D": "0", "I": "1", "l": "1", "|": "1", "Z": "2", "S": "5", "B": "8"}


def _of(part: Part, key: str, problem: str, *, grave: bool = True, **args: object) -> Finding:
    first, last = _DIGITS[part]
    return Finding(part=part, key=key, problem=problem, args=args, grave=grave, first=first, last=last)


def remark(part: Part, key: str, problem: str, **args: object) -> Finding:
    """A finding that does not make the code unusable."""
    return _of(part, key, problem, grave=False, **args)


def _foreign(at: int, symbol: str) -> Finding:
    meant = _LOOKALIKES.get(symbol)
    advice = f"; is it the digit {meant}?" if meant else "; a component code has digits only"
    return Finding(
        part=Part.CODE,
        key="lookalike" if meant else "foreign",
        problem=f"character {at} is {symbol!r}{advice}",
        args={"at": at, "symbol": symbol, "meant": meant or ""},
        first=at,
        last=at,
    )


def _wrong_length(digits: str) -> Finding:
    count, more = len(digits), len(digits) - 16
    key, problem = "too_long" if more > 0 else "too_short", f"has {count} digits; a component code has 16"
    if count == 19:
        key, problem = "sichuan", "has 19 digits; that is the length of a Sichuan cover number, a component code has 16"
    elif count in (9, 10):
        key, problem = "left_out", f"has {count} digits; division (6 digits) or serial seem to be left out of the 16"
    what = f"{more} too many" if more > 0 else f"{-more} missing"
    args = {"count": count, "more": abs(more)}
    return Finding(part=Part.CODE, key=key, problem=f"{problem} ({what})", args=args, last=min(count, 16))
