"""Photos: adding them to a case, and showing them to staff."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Flask, Response, flash, jsonify, redirect, request, send_file, url_for
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response as BaseResponse

from dashboards import forms
from dashboards.errors import wants_json
from dashboards.login import actor
from dashboards.paths import safe_path
from dashboards.site import now, site, t
from registry.domain.errors import InvalidInput, NotFound
from registry.queries import cases as case_queries
from registry.services import photos as photo_services

A_YEAR_S = 365 * 86400


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/photos/<int:photo_id>", "photo", photo)
    app.add_url_rule("/cases/<int:case_id>/photos", "add_photos", add_photos, methods=["POST"])
    app.add_url_rule("/assets/<int:asset_id>/photos", "add_asset_photos", add_asset_photos, methods=["POST"])
    app.add_url_rule("/photos/<int:photo_id>/remove", "remove_photo", remove_photo, methods=["POST"])
    app.add_url_rule("/photos/<int:photo_id>/restore", "restore_photo", restore_photo, methods=["POST"])


def photo(photo_id: int) -> Response:
    """A photo as a JPEG. It never changes under its number, so a browser may keep it; other people's caches may not."""
    found = photo_services.find_photo(site().engine, site().city.data_dir, photo_id)
    response = send_file(found.path, mimetype="image/jpeg", conditional=True)
    response.headers["Cache-Control"] = f"private, max-age={A_YEAR_S}, immutable"
    return response


def add_photos(case_id: int) -> BaseResponse:
    """Keep photos with a case without moving it."""
    chosen = forms.chosen_files(request.files)
    if not chosen:
        raise InvalidInput("photo", t("message.no_photo"))
    kept = keep_chosen(case_id, chosen)
    if wants_json():
        return jsonify(ok=True, photo_ids=list(kept))
    flash(t("message.photos_kept", count=len(kept)), "ok")
    return redirect(safe_path(request.form.get("next"), otherwise=url_for("case", case_id=case_id)), 303)


def add_asset_photos(asset_id: int) -> BaseResponse:
    """Keep photos with an asset: what they show, when and where they were taken as far as the phone knows."""
    chosen = forms.chosen_files(request.files)
    if not chosen:
        raise InvalidInput("photo", t("message.no_photo"))
    new = photo_services.NewPhoto(
        asset_id=asset_id,
        taken_by=actor().user_id,
        kind=forms.choice(request.form, "kind", photo_services.PHOTO_KINDS) or "",
        taken_at=forms.moment(request.form, "taken_at"),
        lon=forms.optional_float(request.form, "lon"),
        lat=forms.optional_float(request.form, "lat"),
        camera_zone=site().zone,
    )
    kept = [_keep(one, new) for one in chosen]
    photo_services.note_new_photos(site().engine, asset_id, kept, by=actor(), now=now())
    if wants_json():
        return jsonify(ok=True, photo_ids=kept)
    flash(t("message.photos_kept", count=len(kept)), "ok")
    return redirect(url_for("asset", asset_id=asset_id) + "#photos", 303)


def remove_photo(photo_id: int) -> BaseResponse:
    """Take a photo off the file; the next page offers to put it back."""
    asset_id = photo_services.remove_photo(site().engine, photo_id, by=actor(), now=now())
    flash(t("message.photo_removed"), "ok")
    return redirect(url_for("asset", asset_id=asset_id, removed_photo=photo_id) + "#photos", 303)


def restore_photo(photo_id: int) -> BaseResponse:
    """Put a removed photo back."""
    asset_id = photo_services.restore_photo(site().engine, photo_id, by=actor(), now=now())
    flash(t("message.photo_restored"), "ok")
    return redirect(url_for("asset", asset_id=asset_id) + "#photos", 303)


def keep_chosen(case_id: int, chosen: Sequence[FileStorage], *, kind: str = "") -> tuple[int, ...]:
    """Keep pictures somebody chose for a case; their ids. Raises ``InvalidInput`` for the first that is no picture."""
    if not chosen:
        return ()
    file = case_queries.case_file(site().engine, case_id)
    if file is None:
        raise NotFound("case", case_id)
    of_case = photo_services.NewPhoto(
        asset_id=file.asset_id, case_id=case_id, taken_by=actor().user_id, kind=kind, camera_zone=site().zone
    )
    return tuple(_keep(one, of_case) for one in chosen)


def keep_one(asset_id: int | None, chosen: Sequence[FileStorage]) -> int | None:
    """Keep the picture a citizen chose, if they chose one."""
    return _keep(chosen[0], photo_services.NewPhoto(asset_id=asset_id)) if chosen else None


def keep_for_asset(asset_id: int, chosen: Sequence[FileStorage], kind: str) -> int | None:
    """Keep the picture somebody on duty took of an asset, if they took one; ``kind``: what it shows."""
    if not chosen:
        return None
    zone = site().zone
    new = photo_services.NewPhoto(asset_id=asset_id, taken_by=actor().user_id, kind=kind, camera_zone=zone)
    return _keep(chosen[0], new)


def _keep(file: FileStorage, new: photo_services.NewPhoto) -> int:
    return photo_services.keep_photo(site().engine, site().city.data_dir, file.stream, new, now=now())
