"""Giving out component codes: each serial once, whoever asks at the same time, on whichever database."""

from __future__ import annotations

from sqlalchemy import Connection, text

from registry.domain.codes import MAX_SERIAL, ComponentCode, read_class_code, read_division
from registry.domain.errors import InvalidInput

# One statement, so that two writers can't read the same number; the WHERE refuses to run over the six digits.
_TAKE = text(
    "INSERT INTO code_counter (division, class_code, last_serial) VALUES (:division, :class_code, :count) "
    "ON CONFLICT (division, class_code) DO UPDATE SET last_serial = code_counter.last_serial + excluded.last_serial "
    "WHERE code_counter.last_serial + excluded.last_serial <= :most RETURNING last_serial"
)


def issue_codes(tx: Connection, division: str, class_code: str, count: int) -> list[str]:
    """``count`` new codes of one division and class, in ascending order, never given before.

    Part of the caller's transaction: when it rolls back, the numbers were never given. Raises ``InvalidInput`` for a
    division or class that is not digits, and when the class has fewer than ``count`` serials left.
    """
    read_division(division)
    read_class_code(class_code)
    if count < 1:
        raise InvalidInput("count", f"{count} codes asked for; ask for at least one")
    taken = {"division": division, "class_code": class_code, "count": count, "most": MAX_SERIAL}
    last = tx.execute(_TAKE, taken).scalar() if count <= MAX_SERIAL else None
    if last is None:
        raise InvalidInput(
            "class_code",
            f"{division} {class_code} has fewer than {count} of its {MAX_SERIAL} serials left; use an extension class",
        )
    return [
        str(ComponentCode(division=division, class_code=class_code, serial=serial))
        for serial in range(last - count + 1, last + 1)
    ]
