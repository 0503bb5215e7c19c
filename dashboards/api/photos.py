"""Photos of assets: kept without what their files told about their makers, seen, taken off a file and put back."""

from __future__ import annotations

from datetime import UTC
from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from flask import Response, request, url_for
from msgspec import Meta

from dashboards import forms
from dashboards.api.answering import page
from dashboards.api.figures import Moment
from dashboards.api.operation import Answer, Lat, Listing, Lon, Media, NoQuery, Operation, Paged, Query, Upload
from dashboards.api.request import Call, Sent
from registry.domain.errors import InvalidInput, NotFound
from registry.queries.asset_views import AssetPhoto
from registry.queries.cases import case_file
from registry.queries.photos import list_photos
from registry.services import photos as photo_services

PhotoKind = Annotated[
    Literal["", "near", "far", "reference", "before", "after"], Meta(description="What the picture shows")
]


class PhotoFields(Query, frozen=True, kw_only=True):
    """What it shows, when and where it was taken; what is left out is read from the picture where it says so."""

    lon: Lon | None = None
    lat: Lat | None = None
    kind: PhotoKind = ""
    taken_at: Moment | None = None


class KeptPhoto(msgspec.Struct, frozen=True, kw_only=True):
    """A photo that was kept, without what its file told about its maker."""

    id: int
    asset_id: int | None
    width_px: int
    height_px: int
    address: str


def api_photos(call: Call[Paged, None], asset_id: int) -> Answer:
    """The photos of an asset, the newest first; those that were taken off are left out."""
    return page(list_photos(call.engine, asset_id, after=call.query.after, limit=call.query.limit))


def api_add_photo(call: Call[NoQuery, Sent], asset_id: int) -> Answer:
    """Keep a photo of an asset."""
    photo_id = _keep(call, asset_id=asset_id)
    photo_services.note_new_photos(call.engine, asset_id, [photo_id], by=call.by, now=call.now)
    return _kept(call, photo_id, status=201)


def api_add_case_photo(call: Call[NoQuery, Sent], case_id: int) -> Answer:
    """Keep a photo of a case; the only way where the case is about a place at which nothing of the register stands."""
    found = case_file(call.engine, case_id)
    if found is None:
        raise NotFound("case", case_id)
    return _kept(call, _keep(call, asset_id=found.asset_id, case_id=case_id), status=201)


def api_photo(call: Call[NoQuery, None], photo_id: int) -> Response:
    """A photo; it never changes under its number."""
    found = photo_services.find_photo(call.engine, call.where.city.data_dir, photo_id)
    response = Response(found.path.read_bytes(), mimetype="image/jpeg")
    response.set_etag(found.path.stem)  # its name is its content's
    response.make_conditional(request)
    response.headers["Cache-Control"] = "private, max-age=31536000, immutable"
    return response


def api_remove_photo(call: Call[NoQuery, None], photo_id: int) -> Answer:
    """Take a photo off the file; it can be put back."""
    photo_services.remove_photo(call.engine, photo_id, by=call.by, now=call.now)
    return Answer(status=204)


def api_restore_photo(call: Call[NoQuery, None], photo_id: int) -> Answer:
    """Put a removed photo back."""
    photo_services.restore_photo(call.engine, photo_id, by=call.by, now=call.now)
    return _kept(call, photo_id)


def _keep(call: Call[NoQuery, Sent], *, asset_id: int | None, case_id: int | None = None) -> int:
    told = call.body.fields
    if (told.lon is None) != (told.lat is None):
        raise InvalidInput("lon" if told.lon is None else "lat", "is missing; give both or neither")
    taken_at = forms.moment({"taken_at": told.taken_at or ""}, "taken_at")
    new = photo_services.NewPhoto(
        asset_id=asset_id,
        case_id=case_id,
        taken_by=call.by.user_id,
        kind=told.kind,
        taken_at=None if taken_at is None else taken_at.astimezone(UTC),
        lon=told.lon,
        lat=told.lat,
        camera_zone=call.where.zone,
    )
    content = call.body.files[0].stream
    return photo_services.keep_photo(call.engine, call.where.city.data_dir, content, new, now=call.now)


def _kept(call: Call[Any, Any], photo_id: int, status: int = 200) -> Answer:
    found = photo_services.find_photo(call.engine, call.where.city.data_dir, photo_id)
    address = url_for("api_photo", photo_id=photo_id)
    kept = KeptPhoto(
        id=photo_id, asset_id=found.asset_id, width_px=found.width_px, height_px=found.height_px, address=address
    )
    return Answer(value=kept, status=status, location=address if status == 201 else "")


_row = partial(Operation, group="devices")
OPERATIONS = (
    _row(
        method="GET",
        path="/assets/{asset_id}/photos",
        endpoint="api_photos",
        run=api_photos,
        zh="部件的照片",
        en="The photos of an asset",
        query=Paged,
        replies={200: Listing[AssetPhoto]},
    ),
    _row(
        method="POST",
        path="/assets/{asset_id}/photos",
        endpoint="api_add_photo",
        run=api_add_photo,
        zh="上传部件照片",
        en="Keep a photo of an asset; its metadata is stripped",
        body=Upload("photo", "JPEG, PNG or WebP, at most 10 MB and 40 megapixels", PhotoFields),
        replies={201: KeptPhoto},
    ),
    _row(
        method="POST",
        path="/cases/{case_id}/photos",
        endpoint="api_add_case_photo",
        run=api_add_case_photo,
        zh="上传案件照片",
        en="Keep a photo of a case, also where it is about a place without an asset; its metadata is stripped",
        body=Upload("photo", "JPEG, PNG or WebP, at most 10 MB and 40 megapixels", PhotoFields),
        replies={201: KeptPhoto},
    ),
    _row(
        method="GET",
        path="/photos/{photo_id}",
        endpoint="api_photo",
        run=api_photo,
        zh="照片",
        en="A photo",
        replies={200: Media(("image/jpeg",))},
    ),
    _row(
        method="DELETE",
        path="/photos/{photo_id}",
        endpoint="api_remove_photo",
        run=api_remove_photo,
        zh="移除照片",
        en="Take a photo off the file of its asset; it can be put back",
        replies={204: None},
    ),
    _row(
        method="POST",
        path="/photos/{photo_id}/restore",
        endpoint="api_restore_photo",
        run=api_restore_photo,
        zh="恢复照片",
        en="Put a removed photo back",
        replies={200: KeptPhoto},
    ),
)
