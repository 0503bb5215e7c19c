from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from registry.domain.kinds import Role
from tests.web.conftest import NOON, Web

GZIP = {"Accept-Encoding": "gzip, br"}


def test_a_large_map_goes_out_compressed_and_is_the_same_map(web: Web) -> None:
    for _ in range(20):
        web.city.add_asset(NOON)
    client = web.as_(Role.VIEWER)
    plain, packed = client.get("/api/v1/map"), client.get("/api/v1/map", headers=GZIP)
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert len(packed.data) == packed.content_length
    assert packed.content_length < len(plain.data) / 3
    assert json.loads(gzip.decompress(packed.data)) == json.loads(plain.data)
    again = client.get("/api/v1/map", headers=GZIP | {"If-None-Match": packed.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_pages_and_short_answers_are_left_as_they_are(web: Web) -> None:
    client = web.as_(Role.VIEWER)
    for path in ("/assets", "/healthz", "/api/v1/overview"):
        assert "Content-Encoding" not in client.get(path, headers=GZIP).headers


def test_files_from_disk_are_compressed_too_but_not_parts_of_them(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = b"export const one = 1;\n" * 200
    (tmp_path / "page.js").write_bytes(script)
    monkeypatch.setattr(web.app, "static_folder", str(tmp_path))
    client = web.visitor()
    whole = client.get("/static/page.js", headers=GZIP)
    assert gzip.decompress(whole.data) == script
    part = client.get("/static/page.js", headers=GZIP | {"Range": "bytes=0-5"})
    assert (part.status_code, part.data) == (206, b"export")
    same = client.get("/static/page.js", headers=GZIP | {"If-None-Match": whole.headers["ETag"]})
    assert same.status_code == 304
    for answer in (whole, part, same):
        answer.close()


def test_a_built_file_goes_out_as_it_was_compressed_when_it_was_built(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assets = tmp_path / "built" / "assets"
    assets.mkdir(parents=True)
    for ending in ("", ".br", ".gz"):
        (assets / f"map.js{ending}").write_bytes(f"map{ending}".encode())
    monkeypatch.setattr(web.app, "static_folder", str(tmp_path))

    def sent(accepted: str, **more: str) -> tuple[bytes, str, str]:
        headers = {"Accept-Encoding": accepted, **more}
        with web.visitor().get("/static/built/assets/map.js", headers=headers) as answer:
            assert answer.mimetype == "text/javascript"
            assert "immutable" in answer.headers["Cache-Control"]
            assert "Accept-Encoding" in answer.headers["Vary"]
            return answer.data, answer.headers.get("Content-Encoding", ""), answer.headers["ETag"]

    smallest, usual, plain = sent("gzip, br"), sent("gzip"), sent("")
    assert [smallest[:2], usual[:2], plain[:2]] == [(b"map.br", "br"), (b"map.gz", "gzip"), (b"map", "")]
    assert len({smallest[2], usual[2], plain[2]}) == 3, "two forms of the file share a name"
    assert sent("gzip, br", Range="bytes=0-1")[:2] == (b"ma", "")


def test_scripts_and_pictures_carry_no_cookie(web: Web) -> None:
    answer = web.as_(Role.VIEWER).get("/static/icons/covercode.svg")
    answer.close()
    assert "Set-Cookie" not in answer.headers
