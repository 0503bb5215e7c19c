"""The worker's part in telling people: planning notices and sending them."""

from __future__ import annotations

from functools import partial

from sqlalchemy import Engine

from operate.city_file import Place
from registry.notices import texts
from registry.services.notice_post import NoticePost, plan_all
from registry.services.report_outcomes import tell_outcomes
from registry.services.rewards import propose_rewards
from registry.worker import LongJob, utc_now


def notice_place(place: Place) -> texts.Place:
    """What notices say of this city."""
    city = place.settings.city
    return texts.Place(zone=place.zone, public_url=city.public_url, name_zh=city.name, name_en=city.name_en)


def notice_jobs(place: Place, engine: Engine) -> list[LongJob]:
    """What the worker does so that people hear of alerts."""
    told = notice_place(place)
    plans = partial(plan_all, engine, place=told, clock=utc_now)
    post = NoticePost(engine, told, clock=utc_now)
    return [
        LongJob(name="outcomes", work=lambda _: _outcomes(engine, told), every_s=30.0),
        LongJob(name="rewards", work=lambda _: _rewards(engine, place), every_s=300.0),
        LongJob(name="notice-plans", work=lambda ends: plans(ends=ends)),
        LongJob(name="notices", work=post.run, endless=True),
    ]


def _outcomes(engine: Engine, told: texts.Place) -> None:
    tell_outcomes(engine, place=told, now=utc_now())


def _rewards(engine: Engine, place: Place) -> None:
    propose_rewards(engine, now=utc_now(), zone=place.zone)
