"""Tasks from above (上级交办): lists and how far they are, taking one in, one task with its proof and strike-off."""

from __future__ import annotations

import hashlib
import re
from datetime import date, datetime
from pathlib import Path
from typing import Any

import structlog
from flask import Flask, flash, redirect, render_template, request, url_for

from dashboards import campaign_forms, forms, place_options
from dashboards.errors import answer_for
from dashboards.login import actor
from dashboards.pages.areas import Answer, refused
from dashboards.pages.lists import next_url
from dashboards.pages.photos import keep_for_asset
from dashboards.refusals import problem_at
from dashboards.site import now, site, standard, t
from registry.domain.errors import Conflict, InvalidInput, InvalidMove, NotAllowed, NotFound
from registry.domain.kinds import Role
from registry.domain.mandates import MANDATE_MOVES, MandateMove, MandateState
from registry.queries import mandates as queries
from registry.services import mandates as services

log = structlog.get_logger(__name__)

_REFUSED = (InvalidInput, Conflict, InvalidMove, NotAllowed)
_HASH = re.compile(r"[0-9a-f]{64}")
MAX_BYTES = 20_000_000
_MOST_SHOWN = 200


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/mandates", "mandates", mandates)
    app.add_url_rule("/mandates/import", "new_mandates", new_mandates)
    app.add_url_rule("/mandates/import", "check_mandates", check_mandates, methods=["POST"])
    app.add_url_rule("/mandates/import/take", "take_mandates", take_mandates, methods=["POST"])
    app.add_url_rule("/mandates/import/take", "new_mandates", new_mandates, alias=True)
    app.add_url_rule("/mandates/<int:mandate_id>", "mandate", mandate)
    for act, view in (
        ("moves", move_mandate),
        ("assign", assign_mandate),
        ("asset", name_mandate_asset),
        ("case", mandate_case),
    ):
        app.add_url_rule(f"/mandates/<int:mandate_id>/{act}", view.__name__, view, methods=["POST"])
        app.add_url_rule(f"/mandates/<int:mandate_id>/{act}", "mandate", mandate, alias=True)


def mandates() -> str:
    """The lists, and the tasks of one or of all; crew see their own first."""
    args, somebody = request.args, actor()
    engine, today = site().engine, _today()
    mine = forms.flag(args, "mine")
    if mine is None:
        mine = somebody.role is Role.CREW
    state = forms.choice(args, "state", MandateState)
    list_id = forms.optional_int(args, "list_id")
    unit_id = forms.optional_int(args, "unit_id")
    late = forms.flag(args, "late") or False
    page = queries.list_mandates(
        engine,
        today=today,
        list_id=list_id,
        state=None if state is None else MandateState(state),
        unit_id=unit_id,
        late=late,
        mine=(somebody.user_id or 0, somebody.unit_id) if mine else None,
        after=forms.optional_text(args, "after"),
    )
    return render_template(
        "mandates.html",
        lists=queries.mandate_lists(engine, today=today),
        tasks=page.items,
        next_url=next_url(page.next),
        chosen={"list_id": list_id, "state": state, "unit_id": unit_id, "late": late, "mine": mine},
        states=list(MandateState),
        options={"units": place_options.of_units()},
    )


def mandate(mandate_id: int) -> str:
    """One task."""
    return _task_page(mandate_id, forms.FormState())


def new_mandates() -> str:
    """The form for a list from above."""
    return _import_page(forms.FormState(values={"received_on": _today().isoformat()}))


def check_mandates() -> Answer:
    """Look at the file: what it holds, and which rows can't be used."""
    try:
        path, kept_as, name = _uploaded()
        checked = services.check_file(site().engine, path)
    except _REFUSED as error:
        return _import_page(refused(error)), answer_for(error).status
    return _import_page(forms.state_of(request.form), checked=checked, kept_as=kept_as, file_name=name)


def take_mandates() -> Answer:
    """Take in what was checked: all of it, or nothing."""
    try:
        path = _kept(request.form.get("kept_as", ""))
        if not path.exists():
            raise InvalidInput("file", t("mandates.choose_again"))
        new = campaign_forms.read_list(request.form, forms.text(request.form, "file_name", most=200))
        list_id, count = services.import_list(site().engine, path, new, by=actor(), now=now())
    except _REFUSED as error:
        return _import_page(refused(error)), answer_for(error).status
    path.unlink(missing_ok=True)
    log.info("mandates_imported", list_id=list_id, tasks=count)
    flash(t("message.mandates_imported", count=count), "ok")
    return redirect(url_for("mandates", list_id=list_id), 303)


def move_mandate(mandate_id: int) -> Answer:
    """Report a task as done, send it back, strike it off, open it again."""
    try:
        move = forms.choice(request.form, "move", MandateMove)
        if move is None:
            raise InvalidInput("move", "no step was chosen; use one of the buttons")
        services.move_mandate(
            site().engine,
            mandate_id,
            MandateMove(move),
            by=actor(),
            now=now(),
            note=forms.text(request.form, "note", most=2000),
            photo_ids=_photos(mandate_id),
            version=forms.optional_int(request.form, "version"),
        )
    except _REFUSED as error:
        return _task_page(mandate_id, refused(error)), answer_for(error).status
    log.info("mandate_moved", mandate_id=mandate_id, move=move, by_user_id=actor().user_id)
    flash(t("message.mandate_moved"), "ok")
    return redirect(url_for("mandate", mandate_id=mandate_id), 303)


def assign_mandate(mandate_id: int) -> Answer:
    """Say who does it until when."""
    try:
        change = campaign_forms.read_mandate_change(request.form)
        version = forms.optional_int(request.form, "version")
        services.assign(site().engine, mandate_id, change, by=actor(), now=now(), version=version)
    except _REFUSED as error:
        return _task_page(mandate_id, refused(error)), answer_for(error).status
    flash(t("message.mandate_assigned"), "ok")
    return redirect(url_for("mandate", mandate_id=mandate_id), 303)


def name_mandate_asset(mandate_id: int) -> Answer:
    """Say which asset it is about."""
    try:
        code = forms.text(request.form, "code", most=60)
        services.name_asset(site().engine, mandate_id, code, by=actor(), now=now())
    except _REFUSED as error:
        return _task_page(mandate_id, refused(error)), answer_for(error).status
    return redirect(url_for("mandate", mandate_id=mandate_id), 303)


def mandate_case(mandate_id: int) -> Answer:
    """Open a case for it."""
    try:
        kind = forms.text(request.form, "kind", most=40)
        opened = services.open_case(site().engine, mandate_id, kind, by=actor(), now=now(), zone=site().zone)
    except _REFUSED as error:
        return _task_page(mandate_id, refused(error)), answer_for(error).status
    return redirect(url_for("case", case_id=opened.case_id), 303)


def _photos(mandate_id: int) -> list[int]:
    chosen = forms.chosen_files(request.files)
    asset_id = _found(mandate_id).row.asset_id
    if not chosen:
        return []
    if asset_id is None:
        raise InvalidInput("photo", "needs an asset that it shows; name the asset of this task first")
    return [photo_id for one in chosen if (photo_id := keep_for_asset(asset_id, [one], "after")) is not None]


def _task_page(mandate_id: int, form: forms.FormState) -> str:
    found = _found(mandate_id)
    moves = [move for move, step in MANDATE_MOVES.items() if step.from_state is found.row.state]
    return render_template(
        "mandate.html",
        view=found,
        row=found.row,
        moves=moves,
        form=form,
        options={
            "units": place_options.of_units(),
            "people": place_options.of_people(),
            "kinds": place_options.of_words(standard().open_kinds(), "kind."),
        },
    )


def _import_page(
    form: forms.FormState, *, checked: services.Checked | None = None, kept_as: str = "", file_name: str = ""
) -> str:
    problems: list[Any] = [] if checked is None else checked.problems[:_MOST_SHOWN]
    return render_template(
        "mandate_import.html",
        form=form,
        checked=checked,
        problems=[(each.row, each.field, problem_at(each.error)) for each in problems],
        kept_as=kept_as,
        file_name=file_name,
        limit_mb=min(site().settings.import_limit_mb, MAX_BYTES / 1_000_000),
    )


def _found(mandate_id: int) -> queries.MandateView:
    found = queries.mandate_view(site().engine, mandate_id, today=_today())
    if found is None:
        raise NotFound("task", mandate_id)
    return found


def _uploaded() -> tuple[Path, str, str]:
    """The file that was sent, where it is kept until it is taken in, and its name."""
    file = request.files.get("file")
    if file is None or not file.filename:
        raise InvalidInput("file", t("mandates.choose_file"))
    content = file.stream.read()
    if len(content) > MAX_BYTES:
        raise InvalidInput("file", t("mandates.too_large"))
    kept_as = hashlib.sha256(content).hexdigest()
    path = _kept(kept_as)
    path.parent.mkdir(parents=True, exist_ok=True)
    _forget_old(path.parent, now())
    path.write_bytes(content)
    return path, kept_as, file.filename[-200:]


def _kept(name: str) -> Path:
    folder = Path(site().city.data_dir) / "mandates"
    return folder / f"{name}.table" if _HASH.fullmatch(name) else folder / "none"


def _forget_old(folder: Path, moment: datetime) -> None:
    """Files that were checked a day ago and never taken in."""
    for path in folder.glob("*.table"):
        if moment.timestamp() - path.stat().st_mtime > 86_400:
            path.unlink(missing_ok=True)


def _today() -> date:
    return now().astimezone(site().zone).date()
