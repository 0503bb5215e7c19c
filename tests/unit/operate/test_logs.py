"""Logs hold facts and no secrets."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from operate.logs import HIDDEN, configure_logs, hide_in

TOKEN = "cc_" + "Ab3-_" * 8


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Logging is set up once per process; other tests must not notice."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"Authorization: Bearer {TOKEN}", f"Authorization: {HIDDEN}"),
        (f"GET /?t={TOKEN} 200", f"GET /?t={HIDDEN} 200"),
        ("postgresql://city:pass@db/records", f"postgresql://{HIDDEN}@db/records"),
        ("the bearer of news, cc_short, http://db:5432/x", "the bearer of news, cc_short, http://db:5432/x"),
    ],
)
def test_a_secret_is_hidden_wherever_it_stands(text: str, left: str) -> None:
    assert hide_in(text) == left


@pytest.mark.parametrize("json_lines", [True, False])
def test_no_line_shows_a_password_or_a_token(capsys: pytest.CaptureFixture[str], json_lines: bool) -> None:
    configure_logs("web", json_lines=json_lines)
    log, password = structlog.get_logger("x"), "three garden words"
    log.info("signed_in", password=password, authorization=f"Bearer {TOKEN}", user_id=7)
    logging.getLogger("library").warning("sent %s", f"Bearer {TOKEN}")
    try:
        raise ValueError(f"bad header Bearer {TOKEN}")
    except ValueError:
        log.exception("request_failed")
    told = capsys.readouterr().err
    assert "signed_in" in told
    assert "ValueError" in told
    assert TOKEN not in told
    assert password not in told.replace('password = "three garden words"', "")
    if json_lines:
        assert json.loads(told.splitlines()[0])["password"] == HIDDEN
