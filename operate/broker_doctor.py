"""What ``covercode doctor`` looks at around the broker: who may connect, by which rules, how long certificates hold.

Only what this machine and this user can see; what can't be seen is said, and is no fault.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from gateway.credentials import is_password_of
from operate.certificates import good_until
from operate.city_file import Place
from operate.finding import Finding
from operate.processes import open_records
from registry.services.credentials import password_lines

SOON = timedelta(days=30)
_CABINET_RULES = frozenset(
    {
        *(("write", f"covercode/v1/%u/{tail}") for tail in ("up/urgent", "up/routine", "state", "cmd/reply")),
        *(("read", f"covercode/v1/%u/{tail}") for tail in ("ack/urgent", "ack/routine", "cmd")),
    }
)
_USERS, _RULES, _CONFIG = "broker users", "broker rules", "mosquitto"
_SHIPPED = "install deploy/mosquitto/covercode.acl, as docs/operating.md says"


class _Rule(NamedTuple):
    """A line of an ACL: for whom (None: everybody; patterns are), what it allows, and where."""

    user: str | None
    pattern: bool
    access: str
    topic: str


def look_at_broker(place: Place, *, now: datetime) -> Iterator[Finding]:
    """The password file, Mosquitto's configuration with its rules, and every certificate that is named somewhere."""
    config = _read_config(place.home / place.settings.broker.mosquitto_config)
    if place.password_file is not None:
        yield _users(place, place.password_file)
    if config is not None:
        yield from _configured(place, config)
    yield from _certificates(place, config or {}, now)


def _users(place: Place, path: Path) -> Finding:
    """Whether exactly who is enrolled may connect, each with the password that the registry knows."""
    try:
        mode, body = path.stat().st_mode, path.read_text(encoding="utf-8")
    except OSError as error:
        advice = "start covercode worker, which writes it; its folder must belong to the worker's user"
        return Finding(_USERS, False, f"{path}: {error.strerror}", advice)
    if mode & stat.S_IROTH:
        return Finding(_USERS, False, f"{path} is readable for everybody", f"chmod o-rwx {path}")
    engine, store = open_records(place)
    try:
        wanted = _accounts(password_lines(engine, {}))
    finally:
        store.close()
        engine.dispose()
    had, own = _accounts(body.splitlines()), place.settings.broker
    stale = "see that covercode worker runs: it writes the file anew after each change"
    lacking = sorted(name for name, hashed in wanted.items() if had.get(name) != hashed)
    if lacking:
        return Finding(_USERS, False, f"no account, or an old one, of {_some(lacking)} in {path}", stale)
    if own.username and not is_password_of(own.password, had.get(own.username, "")):
        return Finding(_USERS, False, f"the city's own user {own.username!r} is not in {path}, or older", stale)
    strangers = sorted(had.keys() - wanted.keys() - {own.username})
    if strangers:
        return Finding(_USERS, False, f"{_some(strangers)} in {path} may connect and is not enrolled", stale)
    return Finding(_USERS, True, f"{len(wanted)} enrolled cabinets have an account each in {path}")


def _accounts(lines: Sequence[str]) -> dict[str, str]:
    return dict(line.split(":", 1) for line in lines if ":" in line)


def _configured(place: Place, config: dict[str, list[str]]) -> Iterator[Finding]:
    where = place.settings.broker.mosquitto_config
    if config.get("allow_anonymous", ["false"])[-1] != "false":
        yield Finding(_CONFIG, False, f"{where} lets everybody in", "set allow_anonymous false")
    named = [Path(path) for path in config.get("password_file", [])]
    ours = place.password_file
    if ours is not None and not any(_same(ours, path) for path in named):
        said = f"{where} reads {_some(list(map(str, named))) or 'no password_file'}, the worker writes {ours}"
        yield Finding(_CONFIG, False, said, f"set password_file {ours} there, or broker.password_file to the other")
    rules = config.get("acl_file", [])
    if not rules:
        yield Finding(_RULES, False, f"{where} names no acl_file: a cabinet may send as any other", _SHIPPED)
    for path in rules:
        yield _rules(Path(path), place.settings.broker.username)


def _rules(path: Path, city: str) -> Finding:
    """Whether each cabinet is kept to its own topics, and the city's user is not."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except PermissionError:
        return _unseen(_RULES, path)
    except OSError as error:
        return Finding(_RULES, False, f"{path}: {error.strerror}", _SHIPPED)
    rules = list(_acl(lines))
    lacking = _CABINET_RULES - {(rule.access, rule.topic) for rule in rules if rule.pattern}
    if lacking:
        said = f"{path} lacks {_some(sorted(f'pattern {access} {topic}' for access, topic in lacking))}"
        return Finding(_RULES, False, said, _SHIPPED)
    loose = [rule for rule in rules if rule.user is None and (rule.access, rule.topic) not in _CABINET_RULES]
    if loose:
        said = f"{path} lets every cabinet {loose[0].access} {loose[0].topic}"
        return Finding(_RULES, False, said, _SHIPPED)
    if city and not any(rule.user == city and rule.access == "readwrite" for rule in rules):
        advice = f"write `user {city}` there, before its topics, or set broker.username to the user that it names"
        return Finding(_RULES, False, f"{path} gives the city's own user {city!r} nothing", advice)
    return Finding(_RULES, True, f"{path} keeps each cabinet to its own topics")


def _acl(lines: Sequence[str]) -> Iterator[_Rule]:
    """Mosquitto's ACL: ``user`` holds for the ``topic`` lines below it, ``pattern`` for everybody."""
    user: str | None = None
    for line in lines:
        word, _, rest = line.strip().partition(" ")
        if word == "user":
            user = rest.strip()
        elif word in ("topic", "pattern"):
            access, _, topic = rest.strip().partition(" ")
            if access not in ("read", "write", "readwrite", "deny"):
                access, topic = "readwrite", rest.strip()
            if access != "deny":
                yield _Rule(None if word == "pattern" else user, word == "pattern", access, topic.strip())


def _certificates(place: Place, config: dict[str, list[str]], now: datetime) -> Iterator[Finding]:
    own = place.settings.broker
    said: list[tuple[str, str]] = [
        (f"broker.{name}", str(place.home / getattr(own, name)))
        for name in ("tls_ca", "tls_cert", "cabinets_ca")
        if getattr(own, name)
    ]
    said += [(name, path) for name in ("cafile", "certfile") for path in config.get(name, [])]
    for name, path in dict.fromkeys(said):
        yield _certificate(name, Path(path), now)
    keys = [("broker.tls_key", str(place.home / own.tls_key))] if own.tls_key else []
    for name, path in [*keys, *(("keyfile", path) for path in config.get("keyfile", []))]:
        yield _key(name, Path(path))


def _certificate(name: str, path: Path, now: datetime) -> Finding:
    try:
        until = good_until(path.read_text(encoding="utf-8", errors="replace"))
    except PermissionError:
        return _unseen("certificate", path)
    except OSError as error:
        return Finding("certificate", False, f"{name}: {path}: {error.strerror}", f"put it there, or mend {name}")
    except ValueError as error:
        return Finding("certificate", False, f"{name}: {path} {error}", "put a PEM certificate there")
    if until - now < SOON:
        when = f"expired on {until:%F}" if until <= now else f"expires on {until:%F}, in {(until - now).days} days"
        advice = "renew it, then reload the broker; without it cabinets can't connect"
        return Finding("certificate", False, f"{name}: {path} {when}", advice)
    return Finding("certificate", True, f"{name}: {path} is good until {until:%F}")


def _key(name: str, path: Path) -> Finding:
    try:
        mode = path.stat().st_mode
    except PermissionError:
        return _unseen("key", path)
    except OSError as error:
        return Finding("key", False, f"{name}: {path}: {error.strerror}", f"put it there, or mend {name}")
    if mode & stat.S_IROTH:
        return Finding("key", False, f"{name}: {path} is readable for everybody", f"chmod o-rwx {path}; make a new one")
    return Finding("key", True, f"{name}: {path} is there, and not for everybody")


def _read_config(path: Path) -> dict[str, list[str]] | None:
    """Mosquitto's directives with all their values; None when there is no such file here or it is not for us."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    found: dict[str, list[str]] = {}
    for line in lines:
        word, _, rest = line.strip().partition(" ")
        if word and not word.startswith("#"):
            found.setdefault(word, []).append(rest.strip())
    return found


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def _unseen(part: str, path: Path) -> Finding:
    return Finding(part, True, f"{path} is not for this user to see; run doctor as root to have it looked at")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more
