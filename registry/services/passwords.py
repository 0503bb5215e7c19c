"""Passwords: what is good enough, and how they are kept (argon2id). The only place that sees one in the clear.

Good enough follows NIST SP 800-63B: long, and not among those that are tried first (judged by zxcvbn, which knows lists
of leaked passwords, names, keyboard walks and dates); no rules about capitals and digits, no expiry by the calendar.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from registry.domain.errors import InvalidInput

SHORTEST = 10
LONGEST = 200
# zxcvbn's scale is 0 to 4; 3 is "safely unguessable" by a thousand million tries, which argon2id makes slow.
_GOOD_ENOUGH = 3
_JUDGED = 72  # zxcvbn looks at no more, and a password that long needs no judging further on
_LEGIBLE = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"

_hashers = [PasswordHasher()]


def check_password(password: str, *, login: str, others: Sequence[str] = ()) -> None:
    """Raise ``InvalidInput`` unless ``password`` is long enough and can't be guessed by who knows the person.

    ``others``: more words that somebody would try, such as the person's name and the city's.
    """
    if len(password) < SHORTEST:
        raise InvalidInput("password", "must have at least {least} characters", least=SHORTEST)
    if len(password) > LONGEST:
        raise InvalidInput("password", "must have at most {most} characters", most=LONGEST)
    if login and login.casefold() in password.casefold():
        raise InvalidInput("password", "must not contain the login; choose something else")
    if _score(password[:_JUDGED], [login, *others]) < _GOOD_ENOUGH:
        raise InvalidInput("password", "is among those that are guessed first; join three or four unrelated words")


def new_password() -> str:
    """A password to be used once, legible on paper: twelve of 31 symbols, some 59 bits."""
    groups = ("".join(secrets.choice(_LEGIBLE) for _ in range(4)) for _ in range(3))
    return "-".join(groups)


def hash_password(password: str) -> str:
    """What is kept of it. Takes some 50 ms on purpose: call it outside a transaction where that matters."""
    return _hasher().hash(password)


def fits(password_hash: str, password: str) -> bool:
    """Whether ``password`` is the one."""
    try:
        return _hasher().verify(password_hash, password[: LONGEST + 1])
    except (VerifyMismatchError, InvalidHashError):
        return False


def hash_with(hasher: PasswordHasher) -> None:
    """Hash with other settings from here on, in this process. For tests, which sign in hundreds of times a minute."""
    _hashers[:] = [hasher]
    decoy.cache_clear()


def is_outdated(password_hash: str) -> bool:
    """Whether it was hashed with weaker settings than today's; hash it again at the next sign-in."""
    return _hasher().check_needs_rehash(password_hash)


@cache
def decoy() -> str:
    """What an unknown login is checked against, so that it takes as long as a known one."""
    return _hasher().hash("nobody has this password")


def _score(password: str, words: Sequence[str]) -> int:
    from zxcvbn import zxcvbn  # its lists take 0.2 s to load: only for who sets a password

    return int(zxcvbn(password, user_inputs=[word for word in words if word])["score"])


def _hasher() -> PasswordHasher:
    return _hashers[0]
