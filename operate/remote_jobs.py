"""The worker's part in running cabinets from afar: the post of commands, and the broker's list of who may connect."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Engine

from gateway.command_post import CommandPost
from gateway.credentials import password_hash
from gateway.remote_config import apply_configuration, assumed_settings, settings_of
from gateway.settings import BrokerSettings
from operate.city_file import Place
from registry.services.command_replies import take_reply
from registry.services.commands import due_commands
from registry.services.credentials import broker_revision, password_lines, write_password_file
from registry.worker import LongJob

log = structlog.get_logger(__name__)


class RegistryOutbox:
    """The registry as the post sees it (``gateway.command_post.Outbox``)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def due(self, *, now: datetime) -> Sequence[tuple[str, bytes]]:
        """See ``Outbox.due``."""
        return due_commands(self._engine, now=now)

    def replied(self, cabinet_id: str, body: bytes, *, now: datetime) -> str | None:
        """See ``Outbox.replied``."""
        return take_reply(self._engine, cabinet_id, body, now=now)


class BrokerUsers:
    """Keeps the broker's password file like the registry; looks only when something has changed."""

    def __init__(self, place: Place, engine: Engine) -> None:
        self._file = place.password_file
        self._own = own_users(place.settings.broker)
        self._engine = engine
        self._written = -1

    def keep(self) -> None:
        """Write the file if who may connect has changed. The broker must read it again: ``deploy/mosquitto``."""
        revision = broker_revision(self._engine)
        if self._file is None or revision == self._written:
            return
        lines = password_lines(self._engine, self._own)
        if write_password_file(self._file, lines):
            log.info("broker_users_written", path=str(self._file), users=len(lines))
        self._written = revision


def remote_jobs(place: Place, engine: Engine) -> list[LongJob]:
    """What the worker does for cabinets."""
    post = CommandPost(place.settings.broker, RegistryOutbox(engine))
    users = BrokerUsers(place, engine)
    return [
        LongJob(name="commands", work=post.run, endless=True),
        LongJob(name="broker-users", work=lambda _ends: users.keep()),
    ]


def own_users(broker: BrokerSettings) -> dict[str, str]:
    """The city's own user with the hash of its password; the same each time, so that the file does not change."""
    if not broker.username or not broker.password:
        return {}
    salt = hashlib.sha256(f"covercode {broker.username} {broker.password}".encode()).digest()[:12]
    return {broker.username: password_hash(broker.password, salt=salt)}


def configuration_faults(cabinet_id: str, text: str, told: dict[str, Any] | None) -> list[str]:
    """What the cabinet itself would say is wrong with ``text``, as far as its settings are known here."""
    own = settings_of(told) if told is not None else None
    return apply_configuration(own or assumed_settings(cabinet_id, text), text).problems
