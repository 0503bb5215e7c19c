"""Tokens on plates: forgiving about how they are typed, strict about what they are."""

from __future__ import annotations

from random import Random

import pytest

from registry.domain.errors import InvalidInput
from registry.domain.tokens import ALPHABET, grouped, new_token, read_token


@pytest.fixture
def token() -> str:
    return new_token(Random(7))


def test_the_alphabet_is_prime_in_size_and_has_no_lookalikes():
    assert len(set(ALPHABET)) == len(ALPHABET) == 31
    assert not set("01ILO") & set(ALPHABET)


def test_case_blanks_and_hyphens_do_not_matter(token: str):
    assert read_token(f"  {grouped(token).lower()} \n") == token


def test_a_token_is_ten_symbols_in_two_groups(token: str):
    assert len(token) == 10
    assert grouped(token) == f"{token[:5]}-{token[5:]}"


def test_a_wrong_length_a_foreign_character_and_a_misread_one_are_told_apart(token: str):
    other = next(symbol for symbol in ALPHABET if symbol != token[3])
    for text, problem in (
        (token[:-1], "has 9 characters instead of 10"),
        (token + "A", "has 11 characters"),
        ("", "has 0 characters"),
        ("0" + token[1:], r"'0' is not in any token \(0, 1, I, L and O are never used\)"),
        (token[:3] + other + token[4:], "one character is wrong or two are swapped"),
    ):
        with pytest.raises(InvalidInput, match=problem) as refused:
            read_token(text)
        assert refused.value.field == "token"
