"""The token on a plate: nine random symbols and a check character, opaque, easy to read aloud and to type with gloves.

The alphabet leaves out 0, 1, I, L and O, which look alike on a worn plate. It has 31 symbols, a prime, so that the
check character of ISO 7064 (a pure MOD x,2 system) finds every single wrong symbol and every swap of neighbours.
"""

from __future__ import annotations

import re
from enum import StrEnum
from random import Random

from stdnum.iso7064 import mod_37_2

from registry.domain.errors import InvalidInput

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
TOKEN_LENGTH = 10

_NEVER_PRINTED = "0, 1, I, L and O are never used"


class Finding(StrEnum):
    """What a scan found: a plate in one of its states, a token nobody issued, or characters that can't be a token."""

    ACTIVE = "active"
    BLANK = "blank"
    LOST = "lost"
    REPLACED = "replaced"
    DESTROYED = "destroyed"
    UNKNOWN = "unknown"
    MISREAD = "misread"


def new_token(rng: Random) -> str:
    """A fresh token; pass ``random.SystemRandom()`` where it must not be guessable (44 bits of chance)."""
    body = "".join(rng.choice(ALPHABET) for _ in range(TOKEN_LENGTH - 1))
    return body + str(mod_37_2.calc_check_digit(body, ALPHABET))


def read_token(text: str) -> str:
    """The token in ``text``: case, blanks and hyphens don't matter.

    Raises ``InvalidInput`` that tells apart: wrong length, a character no token has, and a check that fails (misread).
    """
    token = re.sub(r"[\s-]", "", text).upper()
    if len(token) != TOKEN_LENGTH:
        raise InvalidInput(
            "token",
            "has {count} characters instead of {most}; scan the plate again",
            count=len(token),
            most=TOKEN_LENGTH,
        )
    foreign = next((symbol for symbol in token if symbol not in ALPHABET), None)
    if foreign is not None:
        raise InvalidInput(
            "token",
            "{given!r} is not in any token ({unused}); compare it with the plate",
            given=foreign,
            unused=_NEVER_PRINTED,
        )
    if not mod_37_2.is_valid(token, ALPHABET):
        raise InvalidInput("token", "one character is wrong or two are swapped; compare it with the plate")
    return token


def grouped(token: str) -> str:
    """As plates print it: ``K7M2Q-9XWBZ``."""
    return f"{token[:5]}-{token[5:]}"
