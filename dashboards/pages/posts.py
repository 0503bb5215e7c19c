"""Posts (AB 岗): who of each unit is on duty today, and who stands in while A is away."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Flask, flash, redirect, render_template, request, url_for

from dashboards import forms, place_forms, place_options
from dashboards.errors import answer_for
from dashboards.login import actor
from dashboards.pages.areas import REFUSED, Answer, refused
from dashboards.site import now, site, t
from registry.domain.errors import NotFound
from registry.domain.kinds import Family
from registry.queries import duties as duty_queries
from registry.services import posts as post_services


def register(app: Flask) -> None:
    """Routes of this module."""
    app.add_url_rule("/posts", "posts", posts)
    app.add_url_rule("/posts/new", "new_post", new_post)
    app.add_url_rule("/posts/new", "add_post", add_post, methods=["POST"])
    app.add_url_rule("/posts/<int:post_id>", "post", post)
    app.add_url_rule("/posts/<int:post_id>", "save_post", save_post, methods=["POST"])
    app.add_url_rule("/posts/<int:post_id>/absence", "set_absence", set_absence, methods=["POST"])
    app.add_url_rule("/posts/<int:post_id>/remove", "remove_post", remove_post, methods=["POST"])


def posts() -> str:
    """Every post, by unit, with who is on duty today."""
    unit_id = forms.optional_int(request.args, "unit_id")
    found = duty_queries.list_posts(site().engine, today=_today(), unit_id=unit_id)
    return render_template("posts.html", posts=found, unit_id=unit_id, options={"units": place_options.of_units()})


def new_post() -> str:
    """The form of a new post."""
    return _form_page(None, forms.FormState(values=dict(request.args)))


def add_post() -> Answer:
    """Add a post."""
    return _save(None)


def post(post_id: int) -> str:
    """The form of one post."""
    return _form_page(post_id, forms.FormState())


def save_post(post_id: int) -> Answer:
    """Keep what was changed about a post."""
    return _save(post_id)


def set_absence(post_id: int) -> Answer:
    """Say when A is away; two empty fields: is back."""
    try:
        first, last = (place_forms.read_day(request.form, name) for name in ("a_away_from", "a_away_until"))
        post_services.set_absence(site().engine, post_id, first, last, by=actor(), now=now())
    except REFUSED as error:
        return _form_page(post_id, refused(error)), answer_for(error).status
    flash(t("message.absence_saved"), "ok")
    return redirect(url_for("posts"), 303)


def remove_post(post_id: int) -> Answer:
    """Take a post out."""
    post_services.remove_post(site().engine, post_id, by=actor(), now=now())
    flash(t("message.post_removed"), "ok")
    return redirect(url_for("posts"), 303)


def _save(post_id: int | None) -> Answer:
    try:
        new = place_forms.read_post(request.form)
        post_services.save_post(site().engine, post_id, new, by=actor(), now=now())
    except REFUSED as error:
        return _form_page(post_id, refused(error)), answer_for(error).status
    flash(t("message.post_saved"), "ok")
    return redirect(url_for("posts"), 303)


def _form_page(post_id: int | None, form: forms.FormState) -> str:
    shown: Any = None
    if post_id is not None:
        all_posts = duty_queries.list_posts(site().engine, today=_today())
        shown = next((each for each in all_posts if each.id == post_id), None)
        if shown is None:
            raise NotFound("post", post_id)
    return render_template(
        "post.html",
        post=shown,
        form=form,
        options={
            "units": place_options.of_units(),
            "people": place_options.of_people(),
            "areas": place_options.of_areas(actor().area_code),
            "families": place_options.of_words(Family, "family."),
        },
    )


def _today() -> date:
    return now().astimezone(site().zone).date()
