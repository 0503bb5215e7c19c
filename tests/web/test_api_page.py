"""Every command of docs/api.md does what the page says, with curl, against a server."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest
from werkzeug.serving import make_server

from registry.domain.token_scopes import TokenScope
from registry.services.aliases import add_alias
from registry.services.api_tokens import NewToken, issue_token
from registry.storage.database import writing
from tests.web.conftest import NOON, Web

PAGE = Path(__file__).parents[2] / "docs/api.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CUT = "----- the next example -----"


@pytest.fixture
def address(web: Web) -> Iterator[str]:
    """Where the city is served."""
    server = make_server("127.0.0.1", 0, web.app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(60)
    server.server_close()


def examples() -> list[tuple[str, list[str]]]:
    """The commands of each example, and the lines that the page shows as their answer."""
    found = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    blocks = [
        (kind, text) for kind, text in found if kind != "yaml"
    ]  # tests/web/test_events.py has Alertmanager run it
    assert [kind for kind, _ in blocks] == ["sh", "text"] * (len(blocks) // 2), "commands, then what they print"
    return [(blocks[n][1], blocks[n + 1][1].splitlines()) for n in range(0, len(blocks), 2)]


def test_every_command_of_the_page_answers_as_shown(web: Web, address: str, tmp_path: Path) -> None:
    with writing(web.city.engine) as tx:
        scopes = [TokenScope.READ, TokenScope.REGISTRY_WRITE]
        new = NewToken(name="docs", scopes=scopes, expires_at=NOON + timedelta(days=1))
        token = issue_token(tx, new, by=web.city.registrar, now=NOON).text
        for_events = NewToken(name="events", scopes=[TokenScope.EVENTS], expires_at=None)
        events = issue_token(tx, for_events, by=web.city.dispatcher, now=NOON).text
        add_alias(tx, web.city.asset_id, "owner_number", "W-2071", now=NOON)
    told = examples()
    script = f"\necho\necho '{CUT}'\n".join(commands for commands, _ in told)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "CITY": address, "TOKEN": token, "EVENTS": events, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    answers = done.stdout.split(CUT)
    assert len(answers) == len(told)
    for (commands, lines), answer in zip(told, answers, strict=True):
        rest = answer
        for piece in (piece for line in lines for piece in line.split("…") if piece):
            before, found, rest = rest.partition(piece)
            assert found, f"{commands}\nprinted\n{answer}\nwithout {piece!r} after {before[-200:]!r}"


def test_the_page_names_every_scope() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [scope for scope in TokenScope if f"| `{scope}` |" not in page] == []
