"""Tokens on plates: forgiving about how they are typed, strict about what they are."""

from __future__ import annotations

from random import Random

import pytest

from registry.domain.errors import InvalidInput
from registry.domain.tokens import ALPHABET, TOKEN_LENGTH, grouped, new_token, read_token


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


@pytest.mark.parametrize("seed", range(40))
def test_no_wrong_symbol_and_no_swap_of_neighbours_passes(seed: int):
    """Exhaustive for each token: every other symbol in every place, and every pair of neighbours that differ."""
    token = new_token(Random(seed))
    passed = [
        token[:place] + symbol + token[place + 1 :]
        for place in range(TOKEN_LENGTH)
        for symbol in ALPHABET
        if symbol != token[place] and is_token(token[:place] + symbol + token[place + 1 :])
    ]
    passed += [
        swapped
        for place in range(TOKEN_LENGTH - 1)
        if (swapped := token[:place] + token[place + 1] + token[place] + token[place + 2 :]) != token
        and is_token(swapped)
    ]
    assert passed == []


def test_the_check_tells_apart_every_pair_of_symbols_in_every_two_neighbouring_places():
    """For all tokens at once: the check is linear, so a swap or a change passes for every token or for none."""
    weights = [pow(2, TOKEN_LENGTH - 1 - place, len(ALPHABET)) for place in range(TOKEN_LENGTH)]
    for place, weight in enumerate(weights):
        # a change of d in this place changes the sum by d x weight, a swap of neighbours by d x (weight - next)
        assert all(step * weight % len(ALPHABET) for step in range(1, len(ALPHABET)))
        if place + 1 < TOKEN_LENGTH:
            assert all(step * (weight - weights[place + 1]) % len(ALPHABET) for step in range(1, len(ALPHABET)))


def is_token(text: str) -> bool:
    try:
        read_token(text)
    except InvalidInput:
        return False
    return True
