"""The first style of the page behind a plate: in the page itself, and named by the content policy."""

from __future__ import annotations

import base64
import hashlib
import re

from tests.web.conftest import Web


def test_the_page_behind_a_plate_brings_what_draws_its_first_screen(web: Web) -> None:
    answer = web.visitor().get(f"/Q/{web.token}")
    [style] = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    named = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'self' 'sha256-{named}';" in answer.headers["Content-Security-Policy"]
    assert ".scan-head" in style
    before, after = answer.text.split("</main>")
    assert 'rel="stylesheet"' not in before
    assert 'rel="stylesheet"' in after


def test_other_pages_have_no_style_of_their_own(web: Web) -> None:
    answer = web.visitor().get("/login")
    assert "<style" not in answer.text
    assert "style-src 'self';" in answer.headers["Content-Security-Policy"]
