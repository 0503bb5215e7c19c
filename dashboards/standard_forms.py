"""A line of the case standard out of its form, and a standard out of an upload; for the pages and the API."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from werkzeug.datastructures import FileStorage

from dashboards import forms
from registry.domain.case_standard import LINE_STEPS, LONGEST_TEXTS, CaseLine, LineLimit, Pattern, Step
from registry.domain.errors import InvalidInput
from registry.domain.kinds import Family, Severity
from registry.domain.people import Actor
from registry.domain.working_time import TimeUnit
from registry.services.standard_files import StandardReport, import_standard
from registry.tabular.standard_table import read_more, written_more

_LONGEST_NAME = 100


def line_of(form: Mapping[str, str], key: str) -> CaseLine:
    """The line that a form describes. Raises ``InvalidInput`` at the field that is wrong."""
    limits = [limit for step in LINE_STEPS if (limit := _limit(form, step)) is not None]
    secured = any(limit.step is Step.SECURE for limit in limits)
    texts: dict[str, Any] = {name: forms.text(form, name, most=most) for name, most in LONGEST_TEXTS.items()}
    return CaseLine(
        **texts,
        key=key,
        family=Family(forms.choice(form, "family", Family) or Family.OTHER),
        severity=Severity(int(forms.choice(form, "severity", ("1", "2", "3")) or 2)),
        pattern=Pattern.SECURE_REPAIR if secured else Pattern.ONE_STEP,
        limits=(*limits, *read_more(forms.text(form, "more", most=2_000))),
    )


def values_of(line: CaseLine) -> dict[str, str]:
    """What the form of a line shows."""
    plainly = {each.step: each for each in line.limits if not each.season and not each.grade}
    shown = {name: str(getattr(line, name)) for name in LONGEST_TEXTS}
    for step in LINE_STEPS:
        each = plainly.get(step)
        shown |= {step.value: "" if each is None else f"{each.amount:g}", f"{step}_unit": each.unit if each else ""}
    more = written_more(line).replace("；", "\n")
    return {**shown, "family": line.family.value, "severity": str(int(line.severity)), "more": more, "key": line.key}


def load_standard_file(
    engine: Engine, file: FileStorage, *, by: Actor, now: datetime, check_only: bool
) -> StandardReport:
    """Load the uploaded CSV or XLSX, or say what would happen. Raises as ``import_standard`` does."""
    name = Path(file.filename or "").name.replace("\x00", "")[-_LONGEST_NAME:].lstrip(".")
    with tempfile.TemporaryDirectory(prefix="covercode-standard-") as folder:
        path = Path(folder) / (name or "standard")
        file.save(path)
        return import_standard(engine, path, by=by, now=now, check_only=check_only)


def _limit(form: Mapping[str, str], step: Step) -> LineLimit | None:
    amount = forms.optional_float(form, step.value)
    if amount is None:
        return None
    unit = forms.choice(form, f"{step}_unit", TimeUnit)
    if unit is None:
        raise InvalidInput(step.value, "say what is counted: choose working hours, urgent hours or another unit")
    return LineLimit(step=step, amount=amount, unit=TimeUnit(unit))
