"""A person recognises their devices in the list of their sessions."""

from __future__ import annotations

import pytest

from dashboards.agents import agent_name

_LINUX = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
_WECHAT = (
    "Mozilla/5.0 (Linux; Android 14; V2304A) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36 MicroMessenger/8.0.50"
)


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (_LINUX, "Chrome · Linux"),
        (_LINUX + " Edg/141.0", "Edge · Linux"),
        (_WECHAT, "WeChat · Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1", "Safari · iPhone"),
        ("python-requests/2.32", "Python"),
        ("something of our own", "something of our own"),
        ("x" * 99, "x" * 40),
        ("", ""),
    ],
)
def test_a_browser_and_a_system_are_named(agent: str, name: str) -> None:
    assert agent_name(agent) == name
