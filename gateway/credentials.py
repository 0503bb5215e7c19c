"""How a cabinet proves to the broker who it is: its id as user name, and a random password that never leaves it.

The city gets the password's hash only, in the form of Mosquitto's password file. On rotation the cabinet makes the next
password and keeps the one before until the broker has accepted the next: whichever of them the broker knows at any
moment, the cabinet gets in.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import hmac
import secrets
from pathlib import Path

import msgspec

from gateway.durable import read_kept, write_durably
from gateway.settings import BrokerSettings

_ITERATIONS = 101  # Mosquitto's own default; 256 random bits can't be guessed, so more would only slow connecting down
_SALT_BYTES = 12
_PASSWORD_BYTES = 32
_MOST_KEPT = 4


class _Kept(msgspec.Struct):
    username: str
    passwords: list[str]  # the newest first


_json_kept = msgspec.json.Decoder(_Kept)


class Credentials:
    """The file of the cabinet's passwords. Used by the uplink's thread alone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: _Kept | None = None
        self._looked = False
        self._turn = 0

    def make_next(self, username: str, *, before: str = "") -> str:
        """A new password, on disk when this returns; its hash for the city. ``before``: one in use from elsewhere.

        Raises ``OSError``; then nothing has changed.
        """
        kept = self._read()
        older = kept.passwords if kept is not None else [before] if before else []
        fresh = _Kept(username, [secrets.token_urlsafe(_PASSWORD_BYTES), *older][:_MOST_KEPT])
        self._write(fresh)
        self._turn = 0
        return password_hash(fresh.passwords[0])

    def keep_first(self, username: str, password: str) -> None:
        """The password that was enrolled with; earlier ones are forgotten. Raises ``OSError``."""
        self._write(_Kept(username, [password]))

    def of(self, broker: BrokerSettings) -> BrokerSettings:
        """``broker`` with the password to try now; those of ``cabinet.toml`` when this file has none."""
        kept = self._read()
        if kept is None:
            return broker
        password = kept.passwords[self._turn % len(kept.passwords)]
        return dataclasses.replace(broker, username=kept.username, password=password)

    def refused(self) -> None:
        """The broker did not let us in: the next attempt is with the next older password, in turn."""
        self._turn += 1

    def accepted(self) -> None:
        """The broker let us in: passwords older than the one used have ended. Raises ``OSError``."""
        kept = self._read()
        if kept is None:
            return
        used = self._turn % len(kept.passwords)
        if used < len(kept.passwords) - 1:
            # a newer one may be known to the broker soon; it stays
            self._write(_Kept(kept.username, kept.passwords[: used + 1]))
        self._turn = 0

    def _read(self) -> _Kept | None:
        if not self._looked:
            found = read_kept(self._path, _json_kept)
            self._kept = found if found is not None and found.passwords else None
            self._looked = True
        return self._kept

    def _write(self, kept: _Kept) -> None:
        write_durably(self._path, msgspec.json.encode(kept))
        self._kept, self._looked = kept, True


def new_password() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(_PASSWORD_BYTES)


def password_hash(password: str, *, salt: bytes = b"") -> str:
    """``password`` as Mosquitto's password file wants it: PBKDF2-SHA512, ``$7$iterations$salt$hash``.

    ``salt``: 12 bytes; a random one where it is not given.
    """
    salt = salt or secrets.token_bytes(_SALT_BYTES)
    made = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    return f"$7${_ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(made).decode()}"


def is_password_of(password: str, hashed: str) -> bool:
    """Whether ``hashed`` (as ``password_hash`` makes it) is that of ``password``; False for another form of hash."""
    parts = hashed.split("$")
    if len(parts) != 5 or parts[:2] != ["", "7"] or not parts[2].isdecimal():  # $7$rounds$salt$hash
        return False
    try:
        salt, wanted = base64.b64decode(parts[3]), base64.b64decode(parts[4])
    except ValueError:
        return False
    return hmac.compare_digest(hashlib.pbkdf2_hmac("sha512", password.encode(), salt, int(parts[2])), wanted)
