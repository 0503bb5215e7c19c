"""Commands to cabinets, their configurations, and the codes by which cabinets are enrolled. Pure; the words of records.

A command ends once: done, refused by the cabinet, failed in it, expired before it was answered, or withdrawn. A
configuration is a version of a text; the one last applied is in use.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from registry.domain.errors import InvalidInput
from registry.domain.kinds import Role


class CommandKind(StrEnum):
    """What a cabinet can be told."""

    CONFIGURE = "configure"
    DESCRIBE = "describe"
    POLL = "poll"
    REZERO = "rezero"
    RESTART = "restart"
    ROTATE = "rotate"


class CommandState(StrEnum):
    """What became of a command."""

    WAITING = "waiting"
    SENT = "sent"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class ConfigurationState(StrEnum):
    """What became of a version of a cabinet's configuration."""

    WAITING = "waiting"
    APPLIED = "applied"
    REFUSED = "refused"
    ROLLED_BACK = "rolled_back"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"


OPEN = frozenset({CommandState.WAITING, CommandState.SENT})

LASTS: Mapping[CommandKind, timedelta] = MappingProxyType(
    {
        CommandKind.CONFIGURE: timedelta(days=30),  # what is to be in force, however long the cabinet is away
        CommandKind.DESCRIBE: timedelta(hours=1),
        CommandKind.POLL: timedelta(minutes=10),
        CommandKind.REZERO: timedelta(minutes=10),  # whoever ordered it stands beside the sensor
        CommandKind.RESTART: timedelta(minutes=10),
        CommandKind.ROTATE: timedelta(days=7),
    }
)
"""How long a command is good for."""

_HANDLERS = frozenset({Role.REGISTRAR, Role.DISPATCHER, Role.ADMINISTRATOR})
_ADMINISTRATOR = frozenset({Role.ADMINISTRATOR})
MAY_ORDER: Mapping[CommandKind, frozenset[Role]] = MappingProxyType(
    {
        CommandKind.CONFIGURE: _ADMINISTRATOR,
        CommandKind.DESCRIBE: _HANDLERS,
        CommandKind.POLL: _HANDLERS | {Role.CREW},
        CommandKind.REZERO: _HANDLERS | {Role.CREW},  # on which assets crew may: registry.services.devices.may_handle
        CommandKind.RESTART: _ADMINISTRATOR,
        CommandKind.ROTATE: _ADMINISTRATOR,
    }
)

_FIRST_PAUSE_S = 2.0
_LONGEST_PAUSE_S = 30.0
_CABINET_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
_PASSWORD_HASH = re.compile(r"\$7\$[1-9]\d{0,6}\$[A-Za-z0-9+/]{16}\$[A-Za-z0-9+/]{86}==")

_CODE_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # without 0 O 1 I L, which are read wrong from a slip of paper
_CODE_LENGTH = 16
CODE_LASTS = timedelta(hours=24)


def pause_after(sends: int) -> timedelta:
    """How long to wait for a reply before a command is sent once more."""
    return timedelta(seconds=min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(max(0, sends - 1), 10)))


def read_cabinet_id(text: str) -> str:
    """``text`` as a cabinet's id. Raises ``InvalidInput``."""
    plain = text.strip()
    if not _CABINET_ID.fullmatch(plain):
        raise InvalidInput("cabinet_id", "use 1 to 60 letters, digits, dots, underscores or hyphens")
    return plain


def read_password_hash(text: object) -> str:
    """``text`` as Mosquitto's PBKDF2-SHA512 hash. Raises ``InvalidInput`` for what must not stand in its file."""
    if not isinstance(text, str) or not _PASSWORD_HASH.fullmatch(text):
        raise InvalidInput("hash", "must be a Mosquitto password hash, $7$iterations$salt$hash")
    return text


def new_code() -> str:
    """A one-time code for a person to type, in groups of four; 79 random bits."""
    letters = "".join(secrets.choice(_CODE_LETTERS) for _ in range(_CODE_LENGTH))
    return "-".join(letters[at : at + 4] for at in range(0, _CODE_LENGTH, 4))


def code_hash(code: str) -> str:
    """What is kept of a code: it can't be guessed, so a fast hash is enough. Case, spaces and hyphens don't matter."""
    plain = "".join(letter for letter in code.upper() if letter.isalnum())
    return hashlib.sha256(plain.encode()).hexdigest()


def text_hash(text: str) -> str:
    """By which city and cabinet know that they speak of the same configuration."""
    return hashlib.sha256(text.encode()).hexdigest()


def expires_at(kind: CommandKind, *, now: datetime) -> datetime:
    """When a command given now ends to be good."""
    return now + LASTS[kind]
