from __future__ import annotations

import pytest

from registry.domain.kinds import Role
from tests.web.conftest import Web


@pytest.mark.parametrize("path", ["/", "/alerts", "/cases", "/assets", "/tasks", "/system", "/rules"])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_list_is_shown_in_both_languages_also_when_it_is_empty(web: Web, path: str, lang: str) -> None:
    client = web.as_(Role.ADMINISTRATOR)
    client.set_cookie("lang", lang)
    answer = client.get(path)
    assert answer.status_code == 200
    assert f'data-lang="{lang}"' in answer.text
