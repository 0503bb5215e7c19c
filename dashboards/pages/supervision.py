"""The ledger of supervision: its figures, its items, one item with its story, evidence."""

from __future__ import annotations

import structlog
from flask import Flask, Response, flash, redirect, render_template, request, send_file, url_for
from werkzeug.datastructures import FileStorage

from dashboards import forms, place_options, supervision_forms
from dashboards.downloads import as_download
from dashboards.errors import answer_for
from dashboards.login import actor, area
from dashboards.pages.areas import Answer, refused
from dashboards.pages.lists import next_url
from dashboards.site import now, site, t
from registry.domain.errors import Conflict, InvalidInput, InvalidMove, NotAllowed, NotFound
from registry.domain.kinds import Role, SupervisionState
from registry.domain.supervision import Item, ItemMove, open_moves
from registry.queries import assets as asset_queries
from registry.queries import cases as case_queries
from registry.queries import supervision as queries
from registry.queries.supervision import SupervisedStory
from registry.queries.units import unit_rows
from registry.services import supervision as services
from registry.services.evidence import JPEG, MOST_BYTES, MOST_FILES, Evidence, evidence_path, keep_evidence
from registry.services.supervising import add_item

log = structlog.get_logger(__name__)

REFUSED = (InvalidInput, Conflict, InvalidMove, NotAllowed)
TABS = ("open", "late", "replied", "struck_off", "withdrawn", "all")
_A_YEAR_S = 365 * 86400


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/supervision", "supervision", supervision)
    app.add_url_rule("/supervision/new", "new_supervised", new_supervised)
    app.add_url_rule("/supervision", "add_supervised", add_supervised, methods=["POST"])
    app.add_url_rule("/supervision/<int:supervised_id>", "supervised", supervised)
    app.add_url_rule("/supervision/<int:supervised_id>/moves", "move_supervised", move_supervised, methods=["POST"])
    app.add_url_rule("/supervision/<int:supervised_id>/moves", "supervised", supervised, alias=True)
    app.add_url_rule("/supervision/evidence/<int:evidence_id>", "evidence", evidence)


def supervision() -> str:
    """The ledger: rates since the beginning and of the year, then the items of one tab."""
    args, where, moment = request.args, site(), now()
    tab = forms.choice(args, "tab", TABS) or "open"
    state = None if tab in ("all", "late") else SupervisionState(tab)
    somebody = actor()
    unit_id = forms.optional_int(args, "unit_id")
    if somebody.role is Role.CREW and "unit_id" not in args:
        unit_id = somebody.unit_id
    q = forms.optional_text(args, "q")
    page = queries.list_items(
        where.engine,
        now=moment,
        state=state,
        late=tab == "late",
        unit_id=unit_id,
        q=q,
        scope=area(),
        after=forms.optional_text(args, "after"),
    )
    return render_template(
        "supervision.html",
        page=page,
        tab=tab,
        tabs=TABS,
        counts=queries.count_items(where.engine, now=moment, unit_id=unit_id, q=q, scope=area()),
        unit_id=unit_id,
        q=q,
        units=unit_rows(where.engine),
        tallies=queries.tallies(where.engine, now=moment, scope=area(), zone=where.zone),
        of_units=queries.unit_tallies(where.engine, now=moment, scope=area()),
        next_url=next_url(page.next),
    )


def new_supervised() -> str:
    """The form for something that is put under supervision; a case or an asset can come with the address."""
    return _new_page(forms.FormState(values=dict(request.args)))


def add_supervised() -> Answer:
    """Open an item."""
    try:
        new = supervision_forms.read_item(request.form, site().zone)
        item_id = add_item(site().engine, new, by=actor(), now=now(), zone=site().zone)
    except REFUSED as error:
        return _new_page(refused(error)), answer_for(error).status
    log.info("supervision_opened", item_id=item_id, by_user_id=actor().user_id)
    flash(t("supervision.opened"), "ok")
    return redirect(url_for("supervised", supervised_id=item_id), 303)


def supervised(supervised_id: int) -> str:
    """One item: what is asked, until when, what was answered."""
    return _item_page(supervised_id, forms.FormState())


def move_supervised(supervised_id: int) -> Answer:
    """One step. What can't be done leaves what was typed in the form (files have to be chosen again)."""
    try:
        order = supervision_forms.read_item_move(request.form, site().zone)
        state = services.move_supervised(
            site().engine,
            supervised_id,
            order.move,
            by=actor(),
            expected_version=order.version,
            now=now(),
            note=order.note,
            deadline_at=order.deadline_at,
            files=_kept_files(),
        )
    except REFUSED as error:
        return _item_page(supervised_id, refused(error)), answer_for(error).status
    log.info("supervision_moved", item_id=supervised_id, move=order.move, by_user_id=actor().user_id)
    flash(t("supervision.moved", move=t(f"item_move.{order.move}"), state=t(f"item_state.{state}")), "ok")
    return redirect(url_for("supervised", supervised_id=supervised_id), 303)


def evidence(evidence_id: int) -> Response:
    """A piece of evidence: a picture to look at, a document to keep."""
    found, _ = queries.item_file(site().engine, evidence_id)
    path = evidence_path(site().city.data_dir, found.sha256, found.media_type)
    if not path.is_file():
        raise NotFound("evidence file", evidence_id)
    response = send_file(path, mimetype=found.media_type, conditional=True)
    response.headers["Cache-Control"] = f"private, max-age={_A_YEAR_S}, immutable"
    return response if found.media_type == JPEG else as_download(response, found.name)


def _kept_files() -> tuple[Evidence, ...]:
    chosen = [file for file in request.files.getlist("file") if file.filename]
    if len(chosen) > MOST_FILES:
        raise InvalidInput(
            "file", "{count} files are too many; send at most {most}", count=len(chosen), most=MOST_FILES
        )
    return tuple(_keep(file) for file in chosen)


def _keep(file: FileStorage) -> Evidence:
    return keep_evidence(site().city.data_dir, file.filename or "file", file.stream.read(MOST_BYTES + 1))


def _item_page(item_id: int, form: forms.FormState) -> str:
    story = queries.item_story(site().engine, item_id, now=now())
    return render_template("supervised.html", item=story, moves=open_moves(_as_item(story), actor()), form=form)


def _as_item(story: SupervisedStory) -> Item:
    return Item(
        id=story.id,
        state=story.state,
        unit_id=story.unit_id,
        deadline_at=story.deadline_at,
        level=story.level,
        replied_at=story.replied_at,
        replied_by=story.replied_by,
        version=story.version,
    )


def _new_page(form: forms.FormState) -> str:
    where = site()
    case_id, asset_id = (_number(form.value(name)) for name in ("case_id", "asset_id"))
    case = case_queries.case_file(where.engine, case_id) if case_id else None
    asset = None
    if asset_id and case is None:
        asset = asset_queries.asset_file(where.engine, asset_id, now=now(), zone=where.zone)
    return render_template(
        "supervised_new.html",
        form=form,
        case=case,
        asset=asset,
        units=unit_rows(where.engine),
        areas=place_options.of_areas(area()),
        until=services.usual_deadline(now()).astimezone(where.zone),
        reply=ItemMove.REPLY,
    )


def _number(written: str) -> int | None:
    return int(written) if written.isascii() and written.isdigit() and len(written) < 16 else None
