"""The routes of Open311: discovery, services, requests, tokens, updates and pictures. Who may: ``api_key``."""

from __future__ import annotations

import structlog
from flask import Flask, Response, current_app, request, send_file, url_for
from werkzeug.datastructures import FileStorage

from dashboards.bearer import let_in
from dashboards.errors import BadToken
from dashboards.open311.answers import FORMS, answer, without_ending
from dashboards.open311.reading import Asked, Told, read_asked, read_ids, read_moment, read_told
from dashboards.open311.words import (
    definition,
    read_picture_name,
    request_row,
    service_name,
    services,
    update_row,
)
from dashboards.site import now, site, t
from registry.domain.errors import InvalidInput, NotAllowed, NotFound
from registry.domain.kinds import Source
from registry.domain.people import Actor
from registry.domain.public_rules import PUBLIC_KINDS
from registry.domain.report_numbers import read_report_number, report_number
from registry.domain.scopes import check_area
from registry.domain.token_scopes import TokenScope
from registry.queries.find_asset import find_asset
from registry.queries.public_requests import PublicRequest, find_requests, find_updates
from registry.queries.public_settings import jurisdictions
from registry.queries.whereabouts import of_asset
from registry.services import photos as photo_services
from registry.services.report_updates import NewUpdate, take_update
from registry.services.reports import NewReport, take_report

log = structlog.get_logger(__name__)

BASE = "/open311/v2"
CHANGED = "2026-11-22T00:00:00+08:00"
"""When what the discovery file says last changed."""

_SPECIFICATION = "http://wiki.open311.org/GeoReport_v2"
_MOST_PICTURES = 5


def register(app: Flask) -> None:
    """Routes of this module. Each answers under its bare address and under ``.xml`` and ``.json``."""
    for ending in ("", *(f".{form}" for form in FORMS)):
        alias = bool(ending)
        for path, endpoint, view, method in (
            ("/discovery", "open311_discovery", discovery, "GET"),
            ("/services", "open311_services", list_services, "GET"),
            ("/requests", "open311_requests", list_requests, "GET"),
            ("/requests", "open311_take", take_request, "POST"),
            ("/servicerequestupdates", "open311_updates", list_updates, "GET"),
            ("/servicerequestupdates", "open311_take_update", take_request_update, "POST"),
        ):
            app.add_url_rule(f"{BASE}{path}{ending}", endpoint, view, methods=[method], alias=alias)
    app.add_url_rule(f"{BASE}/services/<service_code>", "open311_service", one_service)
    app.add_url_rule(f"{BASE}/requests/<service_request>", "open311_request", one_request)
    app.add_url_rule(f"{BASE}/request/<service_request>", "open311_request", one_request, alias=True)
    app.add_url_rule(f"{BASE}/tokens/<service_request>", "open311_token", one_token)
    app.add_url_rule(f"{BASE}/media/<picture>", "open311_picture", picture_file)


def discovery() -> Response:
    """Where this server is and what it speaks."""
    city = site().city
    formats = ["text/xml", "application/json"]
    endpoint = {
        "specification": _SPECIFICATION,
        "url": city.public_url.rstrip("/") + BASE,
        "changeset": CHANGED,
        "type": "test" if city.demo else "production",
        "formats": formats,
    }
    about = {
        "changeset": CHANGED,
        "contact": t("open311.contact", city=city.name),
        "key_service": t("open311.key_service", address=city.public_url.rstrip("/") + url_for("tokens")),
        "endpoints": [endpoint],
    }
    return answer("discovery", about)


def list_services() -> Response:
    """What can be reported."""
    _check_jurisdiction()
    return answer("services", services())


def one_service(service_code: str) -> Response:
    """What can be said of one service beside the words."""
    _check_jurisdiction()
    return answer("service_definition", definition(_known_service(without_ending(service_code))))


def list_requests() -> Response:
    """Requests, the newest first."""
    _check_jurisdiction()
    by = _reader()
    asked = _asked()
    found = find_requests(
        site().engine,
        ids=asked.ids,
        kinds=asked.kinds,
        start=asked.start,
        end=asked.end,
        ended=asked.ended,
        scope="" if by is None else by.area_code,
        page=asked.page,
        page_size=asked.page_size,
    )
    return answer("service_requests", [request_row(each, known=by is not None) for each in found])


def one_request(service_request: str) -> Response:
    """One request, as a list of one."""
    _check_jurisdiction()
    by = _reader()
    found = _found(service_request, by)
    return answer("service_requests", [request_row(found, known=by is not None)])


def one_token(service_request: str) -> Response:
    """The id behind a token. Ids are given at once here, so that a token is its id."""
    _check_jurisdiction()
    found = _found(service_request, None)
    return answer(
        "service_requests", [{"service_request_id": report_number(found.id), "token": report_number(found.id)}]
    )


def take_request() -> Response:
    """Take what another platform was told. The same request sent twice is one request and gets one answer."""
    by = _key_holder()
    _check_jurisdiction()
    moment, where = now(), site()
    told = read_told(request.form, day=f"{moment.astimezone(where.zone):%Y-%m-%d}")
    _known_service(told.service_code)
    asset_id = _asset_of(told)
    _check_reach(by, asset_id)
    if asset_id is None and told.place is None:
        raise InvalidInput("lat", "give lat and long, or attribute[asset_code]; words alone can't be found")
    taken = take_report(
        where.engine,
        NewReport(
            text=told.text or service_name(told.service_code),
            source=Source.PLATFORM,
            kind=told.service_code,
            asset_id=asset_id,
            place=told.place,
            address=told.address,
            contact=told.contact,
            reporter=told.reporter,
            photo_ids=_pictures(asset_id),
            secret=current_app.config["SECRET_KEY"],
            brought_by=by.user_id,
            foreign_id=told.foreign_id,
            media_url=told.media_url,
            details={**told.attributes, **({} if told.pinned else {"pinned": "no"})},
        ),
        now=moment,
        zone=where.zone,
    )
    log.info("open311_request", report=taken.number, case_number=taken.case_number, repeated=taken.repeated)
    status_page = where.city.public_url.rstrip("/") + url_for("report", key=taken.key)
    told_back = {
        "service_request_id": taken.number,
        "service_notice": t("open311.notice", address=status_page),
        "account_id": told.account_id or None,
    }
    return answer("service_requests", [told_back])


def list_updates() -> Response:
    """What happened to requests, oldest first: to those named, or to all that the platform of the key handed over."""
    _check_jurisdiction()
    by = _reader()
    asked = _asked()
    found = find_updates(
        site().engine,
        ids=asked.ids,
        brought_by=None if by is None else by.user_id,
        start=asked.start,
        end=asked.end,
        page=asked.page,
        page_size=asked.page_size,
    )
    return answer("service_request_updates", [update_row(each) for each in found])


def take_request_update() -> Response:
    """Take what the platform says about a request later."""
    by = _key_holder()
    _check_jurisdiction()
    form = request.form
    ids = read_ids(form)
    if not ids:
        raise InvalidInput("service_request_id", "is missing; it is what POST requests answered")
    at = read_moment(form, "updated_datetime", site().zone) or now()
    given = form.get("update_id", "").strip()
    new = NewUpdate(
        report_id=ids[0],
        text=form.get("description", ""),
        at=at,
        status=form.get("status", ""),
        media_url=form.get("media_url", ""),
        foreign_id=given or None,
    )
    update_id = take_update(site().engine, new, by=by, now=now())
    return answer("service_request_updates", [{"update_id": f"U{update_id}"}])


def picture_file(picture: str) -> Response:
    """A picture whose address was handed out with its request."""
    photo_id = read_picture_name(picture.removesuffix(".jpg"), current_app.config["SECRET_KEY"])
    if photo_id is None:
        raise NotFound("picture", picture[:60])
    found = photo_services.find_photo(site().engine, site().city.data_dir, photo_id)
    response = send_file(found.path, mimetype="image/jpeg", conditional=True)
    response.headers["Cache-Control"] = "private, max-age=86400"
    return response


def _key_holder() -> Actor:
    """Whoever the ``api_key`` speaks for. Raises ``NotAllowed`` where none is shown, and for one that is not good."""
    holder = _reader()
    if holder is None:
        raise NotAllowed(t("open311.no_key"))
    return holder


def _reader() -> Actor | None:
    """Whoever reads. It takes no key; one that is shown must be good all the same. Raises ``NotAllowed``."""
    shown = request.values.get("api_key", "").strip()
    if not shown:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        shown = text.strip() if scheme.casefold() == "bearer" else ""
    if not shown:
        return None
    try:
        visit = let_in(shown)
    except BadToken:
        raise NotAllowed(t("open311.bad_key")) from None
    if TokenScope.OPEN311 not in visit.scopes:
        raise NotAllowed(t("open311.no_scope"))
    return visit.actor


def _check_jurisdiction() -> None:
    """One city, one jurisdiction: it need not be named, and must be right when it is. Raises ``NotFound``."""
    named = request.values.get("jurisdiction_id", "").strip()
    if not named:
        return
    city = site().city
    host = city.public_url.partition("://")[2].partition("/")[0].partition(":")[0]
    if named.casefold() not in {city.division, host.casefold(), *jurisdictions(site().engine)}:
        raise NotFound("jurisdiction_id", named[:60])


def _known_service(code: str) -> str:
    if code not in PUBLIC_KINDS:
        raise NotFound("service_code", code[:60])
    return code


def _asked() -> Asked:
    return read_asked(request.args, now=now(), zone=site().zone)


def _found(service_request: str, by: Actor | None) -> PublicRequest:
    given = without_ending(service_request)
    report_id = read_report_number(given)
    scope = "" if by is None else by.area_code
    found = find_requests(site().engine, ids=[report_id], scope=scope) if report_id is not None else []
    if not found:
        raise NotFound("service_request_id", given[:60])
    return found[0]


def _asset_of(told: Told) -> int | None:
    """The thing that is named by its plate, its code or another number of it; what names none is kept as words."""
    for text in (told.attributes.get("asset_code", ""), told.address_id):
        found = find_asset(site().engine, text) if text else []
        if len(found) == 1:
            return found[0].asset_id
        if text and text == told.attributes.get("asset_code") and told.place is None:
            raise InvalidInput("attribute[asset_code]", "{given!r} names no asset on file", given=text[:60])
    return None


def _check_reach(by: Actor, asset_id: int | None) -> None:
    found = None if asset_id is None else of_asset(site().engine, asset_id)
    if found is not None:
        check_area(by, found.area_code)


def _pictures(asset_id: int | None) -> tuple[int, ...]:
    """Pictures that came with the request, whatever their field is called."""
    files: list[FileStorage] = [file for _, file in request.files.items(multi=True) if file.filename]
    if len(files) > _MOST_PICTURES:
        raise InvalidInput(
            "media", "{count} photos are too many; send at most {most}", count=len(files), most=_MOST_PICTURES
        )
    where, moment = site(), now()
    new = photo_services.NewPhoto(asset_id=asset_id)
    keep = photo_services.keep_photo
    return tuple(keep(where.engine, where.city.data_dir, file.stream, new, now=moment) for file in files)
