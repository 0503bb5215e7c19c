from __future__ import annotations

import json
import re
from html import unescape

import pytest
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
