"""Who may do what at the embedded broker, when it asks for passwords: the same file and rules as Mosquitto's.

The rules are those of ``deploy/mosquitto/acl``: a cabinet sends below its own name and hears its own confirmations and
commands; the city's own users may do everything below ``covercode/``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from amqtt.contexts import Action, BaseContext
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session

from gateway.credentials import is_password_of

_MAY_SEND = ("up/urgent", "up/routine", "state", "cmd/reply")
_MAY_HEAR = ("ack/urgent", "ack/routine", "cmd")


class PasswordFile:
    """A password file of lines ``user:hash``, read again when it changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._hashes: dict[str, str] = {}

    def hash_of(self, username: str) -> str | None:
        """The user's hash, or None for one who may not connect."""
        try:
            found = self._path.stat()
            if (found.st_mtime_ns, found.st_ino) != self._seen:
                lines = self._path.read_text(encoding="utf-8").splitlines()
                self._hashes = dict(line.split(":", 1) for line in lines if ":" in line)
                self._seen = (found.st_mtime_ns, found.st_ino)
        except OSError:
            self._hashes, self._seen = {}, None
        return self._hashes.get(username)


class AskPassword(BaseAuthPlugin):  # type: ignore[misc]
    """Lets in who shows the password of a line of the file."""

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        self._file = PasswordFile(Path(self.config.path))

    async def authenticate(self, *, session: Session) -> bool | None:
        """See amqtt's ``BaseAuthPlugin``."""
        hashed = self._file.hash_of(session.username or "")
        return hashed is not None and is_password_of(session.password or "", hashed)

    @dataclass
    class Config:
        """Where the file is."""

        path: str = ""


class KeepApart(BaseTopicPlugin):  # type: ignore[misc]
    """Keeps each cabinet to its own topics; one that is out of the file may do nothing any more."""

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        self._file = PasswordFile(Path(self.config.path))

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool | None:
        """See amqtt's ``BaseTopicPlugin``."""
        username = session.username if session is not None else None
        if not username or topic is None or self._file.hash_of(username) is None:
            return False
        if username in self.config.city:
            return topic.startswith("covercode/")
        return may_use(username, topic, sends=action is Action.PUBLISH)

    @dataclass
    class Config:
        """Where the file is, and which of its users are the city's own."""

        path: str = ""
        city: list[str] = field(default_factory=list)


def may_use(cabinet: str, topic: str, *, sends: bool) -> bool:
    """Whether the cabinet may send to ``topic`` (or hear it): exactly its own, no pattern of topics."""
    return topic in [f"covercode/v1/{cabinet}/{tail}" for tail in (_MAY_SEND if sends else _MAY_HEAR)]
