from __future__ import annotations

import pytest

from dashboards.paths import safe_path


@pytest.mark.parametrize("target", ["/", "/cases/3", "/cases?stage=filed&q=%E8%B7%AF", "/Q/K7M2Q9XWBZ"])
def test_a_path_of_this_site_is_followed(target: str) -> None:
    assert safe_path(target) == target


@pytest.mark.parametrize(
    "target",
    [
        None,
        "",
        "cases",
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "javascript:alert(1)",
        " /cases",
    ],
)
def test_anything_that_could_lead_out_is_not(target: str | None) -> None:
    assert safe_path(target, otherwise="/home") == "/home"
