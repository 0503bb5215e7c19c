"""Giving out component codes: each serial once, whoever asks at the same time, on whichever database.

A counter per division and class only ever rises: numbers may be left out, none comes twice, whatever became of its
asset. Which counter is asked depends on the four class digits alone, since two schemes may give one number to different
things.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, select, text

from registry.domain.codes import (
    MAX_SERIAL,
    ComponentCode,
    Finding,
    Part,
    dissect,
    read_class_code,
    read_code,
    read_division,
    remark,
)
from registry.domain.divisions import Division, find_division
from registry.domain.errors import InvalidInput
from registry.storage.database import reading
from registry.storage.tables import asset, asset_class, code_counter

# One statement, so that two writers can't read the same number; the WHERE refuses to run over the six digits.
_TAKE = text(
    "INSERT INTO code_counter (division, class_code, last_serial) VALUES (:division, :class_code, :count) "
    "ON CONFLICT (division, class_code) DO UPDATE SET last_serial = code_counter.last_serial + excluded.last_serial "
    "WHERE code_counter.last_serial + excluded.last_serial <= :most RETURNING last_serial"
)
# The counter rises to a serial that was given elsewhere and never falls.
_RAISE = text(
    "INSERT INTO code_counter (division, class_code, last_serial) VALUES (:division, :class_code, :serial) "
    "ON CONFLICT (division, class_code) DO UPDATE SET last_serial = excluded.last_serial "
    "WHERE code_counter.last_serial < excluded.last_serial"
)


def issue_codes(tx: Connection, division: str, class_code: str, count: int) -> list[str]:
    """``count`` new codes of one division and class, in ascending order, never given before.

    Part of the caller's transaction: when it rolls back, the numbers were never given. Raises ``InvalidInput`` for a
    division or class that is not digits, and when the class has fewer than ``count`` serials left.
    """
    read_division(division)
    read_class_code(class_code)
    if count < 1:
        raise InvalidInput("count", "{count} codes asked for; ask for at least one", count=count)
    taken = {"division": division, "class_code": class_code, "count": count, "most": MAX_SERIAL}
    last = tx.execute(_TAKE, taken).scalar() if count <= MAX_SERIAL else None
    if last is None:
        raise InvalidInput(
            "class_code",
            "{given} {class_code} has fewer than {count} of its {most} serials left; use an extension class",
            given=division,
            class_code=class_code,
            count=count,
            most=MAX_SERIAL,
        )
    return [
        str(ComponentCode(division=division, class_code=class_code, serial=serial))
        for serial in range(last - count + 1, last + 1)
    ]


def keep_codes(tx: Connection, codes: Iterable[str]) -> None:
    """Note codes that were given elsewhere (a former system's), so that they are never issued here.

    Call it in the transaction that registers their assets. Raises ``InvalidInput`` for text that is no code.
    """
    highest: dict[tuple[str, str], int] = {}
    for each in codes:
        code = read_code(each)
        counter = (code.division, code.class_code)
        highest[counter] = max(highest.get(counter, 0), code.serial)
    if highest:
        # in one order everywhere: two writers that raise the same counters can't wait for each other
        rows = [
            {"division": division, "class_code": class_code, "serial": serial}
            for (division, class_code), serial in sorted(highest.items())
        ]
        tx.execute(_RAISE, rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassName:
    """What four class digits mean in one scheme."""

    scheme: str
    name_zh: str
    name_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeReading:
    """A code explained part by part. ``asset_id`` when the registry has it; ``findings`` say what is wrong or odd.

    ``grouped`` is empty when the text is no code; ``classes``: what its class digits mean in each scheme that has them;
    ``issued``: whether its serial was given already, also to something that is no longer on file.
    """

    text: str
    grouped: str = ""
    division_code: str = ""
    division: Division | None = None
    class_code: str = ""
    classes: tuple[ClassName, ...] = ()
    serial: int | None = None
    asset_id: int | None = None
    issued: bool = False
    findings: tuple[Finding, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether the text is a component code at all."""
        return not any(finding.grave for finding in self.findings)


def explain_code(tx: Connection, written: str, *, scheme: str | None = None) -> CodeReading:
    """What each digit of ``written`` means, and which are wrong. With ``scheme``, the class must be in that table.

    An unknown division and a class of no table are remarks: new divisions and a city's own classes appear every year.
    """
    shown = written.strip()[:64]
    digits, findings = dissect(written)
    if any(finding.grave for finding in findings):
        return CodeReading(text=shown, findings=tuple(findings))
    code = read_code(digits)
    division = find_division(code.division)
    classes = _classes_of(tx, code.class_code)
    asset_id = tx.execute(select(asset.c.id).where(asset.c.code == digits)).scalar()
    counter = select(code_counter.c.last_serial).where(
        code_counter.c.division == code.division, code_counter.c.class_code == code.class_code
    )
    issued = code.serial <= (tx.execute(counter).scalar() or 0)
    findings += _division_remarks(code.division, division)
    findings += _class_remarks(code.class_code, classes, scheme)
    if asset_id is None:
        what = "was given, but nothing on file carries it (scrapped or undone)" if issued else "was not given yet"
        key = "serial_gone" if issued else "serial_free"
        findings.append(remark(Part.SERIAL, key, f"serial {code.serial:06d} {what}"))
    return CodeReading(
        text=shown,
        grouped=code.grouped,
        division_code=code.division,
        division=division,
        class_code=code.class_code,
        classes=tuple(classes),
        serial=code.serial,
        asset_id=asset_id,
        issued=issued,
        findings=tuple(findings),
    )


def _classes_of(tx: Connection, class_code: str) -> list[ClassName]:
    found = select(asset_class.c.scheme, asset_class.c.name_zh, asset_class.c.name_en)
    rows = tx.execute(found.where(asset_class.c.code == class_code).order_by(asset_class.c.scheme)).all()
    return [ClassName(scheme=row.scheme, name_zh=row.name_zh, name_en=row.name_en) for row in rows]


def _division_remarks(code: str, division: Division | None) -> list[Finding]:
    if code.endswith("00"):
        return [remark(Part.DIVISION, "not_a_county", f"{code} is a prefecture or province, no county or district")]
    if division is None:
        return [remark(Part.DIVISION, "division_new", f"{code} is no county division on the list; is it a new one?")]
    if division.ended is not None:
        problem = f"{code} {division.full_name} was dissolved in {division.ended}; codes given before stay valid"
        return [remark(Part.DIVISION, "division_ended", problem, year=division.ended, name=division.full_name)]
    return []


def _class_remarks(class_code: str, classes: list[ClassName], scheme: str | None) -> list[Finding]:
    if scheme is not None and all(each.scheme != scheme for each in classes):
        elsewhere = ", ".join(f"{each.scheme} ({each.name_zh})" for each in classes)
        hint = f"it is in {elsewhere}" if elsewhere else "correct it, or add it as an extension class"
        problem = f"{class_code} is not in the class table {scheme}; {hint}"
        return [remark(Part.CLASS_CODE, "class_elsewhere", problem, scheme=scheme, elsewhere=elsewhere or "–")]
    if not classes:
        problem = f"{class_code} is in no class table; correct it or add it as an extension"
        return [remark(Part.CLASS_CODE, "class_unknown", problem)]
    return []


def read_through(engine: Engine, written: str, *, scheme: str | None = None) -> CodeReading:
    """``explain_code`` for a page: in a view of its own."""
    with reading(engine) as tx:
        return explain_code(tx, written, scheme=scheme)
