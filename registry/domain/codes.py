"""The component code (部件编码) of CJ/T 214 and GB/T 30428.2: 6 digits county division, 4 class, 6 serial.

A code is permanent: a serial is never given twice, not even after its component was scrapped.
"""

from __future__ import annotations

from dataclasses import dataclass

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
        raise InvalidInput("code", f"{text!r} must be digits only: 6 division, 4 class, 6 serial")
    if len(digits) != 16:
        raise InvalidInput("code", f"{text!r} has {len(digits)} digits; a component code has 16")
    serial = int(digits[10:])
    if serial == 0:
        raise InvalidInput("code", f"{text!r} ends in serial 000000; serials begin at 000001")
    return ComponentCode(division=read_division(digits[:6]), class_code=read_class_code(digits[6:10]), serial=serial)


def read_division(text: str) -> str:
    """A county-level division code (GB/T 2260): six digits, the first not 0."""
    if len(text) != 6 or not (text.isascii() and text.isdigit()) or text[0] == "0":
        raise InvalidInput("division", f"{text!r} must be six digits that begin with 1 to 9, e.g. 320508")
    return text


def read_class_code(text: str) -> str:
    """Major and minor class: four digits, neither half 00."""
    if len(text) != 4 or not (text.isascii() and text.isdigit()) or "00" in (text[:2], text[2:]):
        raise InvalidInput("class_code", f"{text!r} must be four digits, major and minor class, e.g. 0118")
    return text
