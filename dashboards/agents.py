"""The browser and the system behind a ``User-Agent``, in two words that a person recognises their device by."""

from __future__ import annotations

# The first that is found is taken: most browsers also name the ones they descend from.
_BROWSERS = (
    ("MicroMessenger", "WeChat"),
    ("DingTalk", "DingTalk"),
    ("EdgA/", "Edge"),
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("HuaweiBrowser", "Huawei"),
    ("MiuiBrowser", "MIUI"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
    ("python", "Python"),
)
_SYSTEMS = (
    ("OpenHarmony", "HarmonyOS"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Macintosh", "Mac"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
_SHOWN = 40


def agent_name(agent: str) -> str:
    """``Chrome · Android``; the beginning of ``agent`` itself when neither part is known, "" when there is none."""
    found = [
        next((name for mark, name in known if mark.casefold() in agent.casefold()), "")
        for known in (_BROWSERS, _SYSTEMS)
    ]
    return " · ".join(part for part in found if part) or agent[:_SHOWN]
