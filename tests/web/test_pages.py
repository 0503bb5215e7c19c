from __future__ import annotations

import json
import re
from datetime import timedelta
from html import unescape

import pytest
from flask import render_template_string
from markupsafe import Markup
from sqlalchemy import insert

from registry.domain.kinds import Role
from registry.storage.database import writing
from registry.storage.tables import cabinet
from tests.web.conftest import NOON, Web


@pytest.mark.parametrize("path", ["/", "/alerts", "/cases", "/assets", "/tasks", "/system", "/rules"])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_list_is_shown_in_both_languages_also_when_it_is_empty(web: Web, path: str, lang: str) -> None:
    client = web.as_(Role.ADMINISTRATOR)
    client.set_cookie("lang", lang)
    answer = client.get(path)
    assert answer.status_code == 200
    assert f'data-lang="{lang}"' in answer.text


def test_the_wall_screen_brings_its_script_the_citys_names_of_kinds_and_rules(web: Web) -> None:
    page = web.as_(Role.DISPATCHER).get("/").text
    (said,) = re.findall(r'data-own-words="([^"]*)"', page)
    words = json.loads(unescape(said))
    # no catalogue has this one: the standard does
    assert words["kind.cover_missing"] == "井盖缺失（需补装）"
    assert not [name for name in words.values() if name.startswith(("kind.", "rule."))]


def test_a_cabinet_that_is_away_is_seen_on_the_overview_by_the_colour_of_its_figure(web: Web) -> None:
    def tone() -> str:
        page = web.as_(Role.VIEWER).get("/").text
        (found,) = re.findall(r'data-counter="cabinets_online" data-tone="(\w*)"[^>]* data-some', page)
        return str(found)

    for name, online, said in (("c1", True, ""), ("c2", False, "alarm")):
        with writing(web.city.engine) as tx:
            tx.execute(insert(cabinet).values(id=name, name=name, online=online, state_at=NOON))
        assert tone() == said


def test_all_is_well_only_while_no_alert_fires_even_one_without_a_case(web: Web) -> None:
    def shown() -> list[str]:
        return re.findall(r"<div data-(calm|no-case) >", web.as_(Role.VIEWER).get("/").text)

    assert shown() == ["calm"]
    web.city.add_alert(None, NOON, rule_key="water_high")
    assert shown() == ["no-case"]


def test_what_was_closed_within_a_day_leads_to_just_that(web: Web) -> None:
    page = web.as_(Role.VIEWER).get("/").text
    (leads,) = re.findall(r'href="([^"]+)" data-counter="cases_closed_24h"', page)
    assert unescape(leads) == "/cases?stage=closed&ended=24h"


def test_a_moment_is_shown_with_how_long_ago_it_was_and_the_other_way_round(web: Web) -> None:
    with writing(web.city.engine) as tx:
        tx.execute(insert(cabinet).values(id="c1", name="c1", online=True, state_at=NOON - timedelta(minutes=3)))
    page = web.as_(Role.ADMINISTRATOR).get("/system").text
    assert re.search(r'data-ago[^>]*>3 分钟前</time> <span class="beside">2026-03-02 11:57</span>', page)


def test_a_moment_stands_in_a_sentence_as_markup_and_a_name_as_what_was_typed(web: Web) -> None:
    words = "{{ t('imports.undone_by', name='<b>', when=when) }}"
    with web.app.test_request_context():
        said = render_template_string(words, when=Markup("<time>12:00</time>"))
    assert "<time>12:00</time>" in said
    assert "&lt;b&gt;" in said


def test_a_list_says_on_paper_of_what_and_of_when_it_is(web: Web) -> None:
    page = web.as_(Role.ADMINISTRATOR).get("/cases?stage=filed&kind=&after=x").text
    (said,) = re.findall(r'<p class="on-paper printed">(.*?)</p>', page)
    assert unescape(said) == "示范市 · 数据截至 2026-03-02 12:00（Asia/Shanghai） · /cases?stage=filed"
