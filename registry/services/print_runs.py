"""Print runs: labels for many assets or blank plates, made in batches by whichever process holds the run.

A run is planned in one transaction (its plates exist from then on), then made by ``registry.services.print_making`` in
the worker or from the shell. It can be stopped and resumed, also after the process that made it was killed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from random import SystemRandom

import msgspec
from sqlalchemy import Connection, Engine, insert, select, update

from registry.domain.errors import InvalidInput, InvalidMove, NotFound
from registry.domain.kinds import PrintItemState, PrintRunKind, PrintRunState
from registry.domain.people import Actor
from registry.domain.tokens import new_token
from registry.labels.template import LabelTemplate, read_template
from registry.services import audit
from registry.services.print_making import fail_run, make_run
from registry.services.print_selection import (
    PlateFacts,
    RunSelection,
    blank_facts,
    chosen_assets,
    count_chosen,
    sample_facts,
)
from registry.services.tags import issue_tags, print_blank_tags
from registry.storage.database import reading, writing
from registry.storage.tables import label_template, print_item, print_run, tag

__all__ = [
    "FORMATS",
    "MOST_LABELS",
    "NewRun",
    "Preview",
    "fail_run",
    "make_run",
    "plan_run",
    "preview_run",
    "resume_run",
    "sample_of_run",
    "stop_run",
]

FORMATS = ("pdf", "svg", "png", "zpl", "dxf")
RASTER_FORMATS = ("png", "zpl")
LEAST_DPI, USUAL_DPI, MOST_DPI = 100, 300, 1200
MOST_LABELS = 50_000
"""In one run: its plates are made in one transaction, for which others wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """A run to be planned. ``count`` is for blank plates, ``selection`` for assets; ``dpi`` for PNG and ZPL.

    ``start_position``: the first free label on the first sheet (1 is the upper left one).
    """

    name: str
    kind: PrintRunKind
    template_key: str
    format: str
    dpi: int | None = None
    start_position: int = 1
    selection: RunSelection = field(default_factory=RunSelection)
    count: int = 0


def plan_run(engine: Engine, new: NewRun, *, by: Actor, now: datetime) -> int:
    """Plan a run: its plates get their tokens, its labels wait to be made; returns the run's id.

    Assets that have an active plate get a label of it again. Raises ``InvalidInput`` by field.
    """
    name = new.name.strip()
    if not name or len(name) > 120:
        raise InvalidInput("name", "give the run a name of 1 to 120 characters, e.g. the street or the contractor")
    if new.kind is PrintRunKind.BLANK and not 1 <= new.count <= MOST_LABELS:
        raise InvalidInput("count", "{count} must be between 1 and {most}", count=new.count, most=MOST_LABELS)
    new.selection.checked()
    with writing(engine) as tx:
        version, template = template_of(tx, new.template_key)
        _check_format(new, template)
        values = {
            "name": name,
            "kind": new.kind.value,
            "state": PrintRunState.WAITING.value,
            "template_key": new.template_key,
            "template_version": version,
            "format": new.format,
            "dpi": (new.dpi or USUAL_DPI) if new.format in RASTER_FORMATS else None,
            "start_position": new.start_position,
            "total": 0,
            "selection": _kept_selection(new),
            "created_at": now,
            "created_by": by.user_id,
        }
        run_id = int(tx.execute(insert(print_run).values(values).returning(print_run.c.id)).scalar_one())
        tag_ids = _blank(tx, new, run_id, by, now) if new.kind is PrintRunKind.BLANK else _of(tx, new, run_id, by, now)
        waiting = PrintItemState.WAITING.value
        rows = [
            {"run_id": run_id, "position": position, "tag_id": tag_id, "state": waiting}
            for position, tag_id in enumerate(tag_ids, start=1)
        ]
        tx.execute(insert(print_item), rows)
        tx.execute(update(print_run).where(print_run.c.id == run_id).values(total=len(rows), folder=f"print/{run_id}"))
        detail = {"name": name, "kind": new.kind.value, "labels": len(rows), "template": new.template_key}
        audit.record(tx, by=by, action="print.start", subject=f"print_run:{run_id}", detail=detail, now=now)
    return run_id


def stop_run(engine: Engine, run_id: int, *, by: Actor, now: datetime) -> None:
    """Stop a run; the process that makes it notices after its batch. Raises ``NotFound`` and ``InvalidMove``."""
    with writing(engine) as tx:
        state = _state(tx, run_id)
        if state not in (PrintRunState.WAITING, PrintRunState.RUNNING):
            raise InvalidMove(f"print run {run_id} is {state.value}; only a waiting or running one can be stopped")
        _set(tx, run_id, PrintRunState.STOPPED)
        audit.record(tx, by=by, action="print.stop", subject=f"print_run:{run_id}", now=now)


def resume_run(engine: Engine, run_id: int, *, by: Actor, now: datetime) -> None:
    """Let a stopped or failed run go on, or a finished one try its failed labels again.

    Raises ``NotFound``, and ``InvalidMove`` when there is nothing left to make.
    """
    with writing(engine) as tx:
        state = _state(tx, run_id)
        failed = tx.execute(
            update(print_item)
            .where(print_item.c.run_id == run_id, print_item.c.state == PrintItemState.FAILED.value)
            .values(state=PrintItemState.WAITING.value, problem="")
        ).rowcount
        if state in (PrintRunState.WAITING, PrintRunState.RUNNING):
            raise InvalidMove(f"print run {run_id} is {state.value} already")
        if state is PrintRunState.DONE and not failed:
            raise InvalidMove(f"print run {run_id} is done, and no label of it failed")
        _set(tx, run_id, PrintRunState.WAITING, failed=0, finished_at=None, problem="")
        audit.record(
            tx, by=by, action="print.resume", subject=f"print_run:{run_id}", detail={"failed": failed}, now=now
        )


def template_of(tx: Connection, key: str, version: int | None = None) -> tuple[int, LabelTemplate]:
    """A template's version in use (or ``version``) and the template. Raises ``InvalidInput`` when there is none."""
    query = select(label_template).where(label_template.c.key == key).order_by(label_template.c.version.desc()).limit(1)
    if version is not None:
        query = query.where(label_template.c.version == version)
    row = tx.execute(query).first()
    if row is None or (version is None and row.retired):
        raise InvalidInput("template_key", "there is no label template {key!r} in use; choose one of the list", key=key)
    return row.version, read_template(row.body)


def _check_format(new: NewRun, template: LabelTemplate) -> None:
    if new.format not in FORMATS:
        raise InvalidInput("format", "{given!r} must be one of {known}", given=new.format, known=", ".join(FORMATS))
    if new.dpi is not None and not LEAST_DPI <= new.dpi <= MOST_DPI:
        raise InvalidInput(
            "dpi", "{given} must be between {least} and {most}", given=new.dpi, least=LEAST_DPI, most=MOST_DPI
        )
    places = template.sheet.columns * template.sheet.rows if template.sheet else 1
    if not 1 <= new.start_position <= places:
        what = "the labels of one sheet" if template.sheet else "this template is not printed on sheets"
        raise InvalidInput(
            "start_position",
            "{given} must be between 1 and {places}: {what}",
            given=new.start_position,
            places=places,
            what=what,
        )


def _kept_selection(new: NewRun) -> dict[str, object]:
    if new.kind is PrintRunKind.BLANK:
        return {"count": new.count}
    kept: dict[str, object] = msgspec.to_builtins(new.selection)
    return kept


def _blank(tx: Connection, new: NewRun, run_id: int, by: Actor, now: datetime) -> list[int]:
    print_blank_tags(tx, new.count, now=now, by=by, print_run_id=run_id)
    return list(tx.execute(select(tag.c.id).where(tag.c.print_run_id == run_id).order_by(tag.c.id)).scalars())


def _of(tx: Connection, new: NewRun, run_id: int, by: Actor, now: datetime) -> list[int]:
    """The plates of the chosen assets, in their order; those that had none get one."""
    chosen = chosen_assets(tx, new.selection, by, MOST_LABELS + 1)
    if not chosen:
        raise InvalidInput("selection", "no asset fits; widen the area or the class, or print plates again that exist")
    if len(chosen) > MOST_LABELS:
        fit = count_chosen(tx, new.selection, by).assets
        raise InvalidInput(
            "selection",
            "{given} assets fit, at most {most} in one run; narrow the area or class",
            given=fit,
            most=MOST_LABELS,
        )
    issue_tags(tx, [asset_id for asset_id, tag_id in chosen if tag_id is None], now=now, by=by, print_run_id=run_id)
    fresh = select(tag.c.asset_id, tag.c.id).where(tag.c.print_run_id == run_id)
    made = {row[0]: row[1] for row in tx.execute(fresh)}
    return [made[asset_id] if tag_id is None else tag_id for asset_id, tag_id in chosen]


def _state(tx: Connection, run_id: int) -> PrintRunState:
    state = tx.execute(select(print_run.c.state).where(print_run.c.id == run_id)).scalar()
    if state is None:
        raise NotFound("print run", run_id)
    return PrintRunState(state)


def _set(tx: Connection, run_id: int, state: PrintRunState, **more: object) -> None:
    values = {"state": state.value, "holder": "", "held_until": None, **more}
    tx.execute(update(print_run).where(print_run.c.id == run_id).values(values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a run would make: how many labels, how many of them for plates that exist, and what the first one says."""

    labels: int
    with_plate: int
    sample: PlateFacts


def preview_run(engine: Engine, new: NewRun, *, by: Actor) -> Preview:
    """Look at a run before it is planned; its sample carries a token that no plate has. Raises as ``plan_run`` does."""
    new.selection.checked()
    with reading(engine) as tx:
        _, template = template_of(tx, new.template_key)
        _check_format(new, template)
        if new.kind is PrintRunKind.BLANK:
            if not 1 <= new.count <= MOST_LABELS:
                raise InvalidInput("count", "{count} must be between 1 and {most}", count=new.count, most=MOST_LABELS)
            return Preview(labels=new.count, with_plate=0, sample=blank_facts(_made_up()))
        chosen = count_chosen(tx, new.selection, by)
        sample = sample_facts(tx, new.selection, by, _made_up())
    if sample is None:
        raise InvalidInput("selection", "no asset fits; widen the area or the class, or print plates again that exist")
    return Preview(labels=chosen.assets, with_plate=chosen.with_plate, sample=sample)


def sample_of_run(engine: Engine, new: NewRun, *, by: Actor) -> PlateFacts:
    """What the first label would say, or a blank one when nothing fits yet: a form's picture while it is filled in."""
    if new.kind is PrintRunKind.BLANK:
        return blank_facts(_made_up())
    new.selection.checked()
    with reading(engine) as tx:
        return sample_facts(tx, new.selection, by, _made_up()) or blank_facts(_made_up())


def _made_up() -> str:
    """A token for a picture; that a plate carries it is one chance in billions, and the picture is not printed."""
    return new_token(SystemRandom())
