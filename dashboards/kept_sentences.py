"""English sentences of ours found again in text that was kept, and told in another language with the same values.

A job that failed and a cabinet that refuses leave a text behind, not a refusal with its values; the cabinet's may be of
another release. Each sentence is looked for by its own words; what stands at its places are the values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property

_PLACE = re.compile(r"\{(\w+)[^{}]*\}")
_LEAST_OWN_LETTERS = 8  # a sentence that is nearly all places would be seen in anything


class KeptSentences:
    """``sentences`` from English to the other language, both with ``{places}`` as ``str.format`` has them."""

    def __init__(self, sentences: Mapping[str, str]) -> None:
        self._sentences = sentences

    def retell(self, said: str) -> str | None:
        """``said`` in the other language; None when it is none of the sentences. A value may be a sentence, too."""
        for pattern, words in self._patterns:
            if found := pattern.fullmatch(said):
                return self._filled(words, found.groupdict())
        return None

    def _filled(self, words: str, values: Mapping[str, str]) -> str:
        # what somebody typed ("given") is theirs, also when it reads like one of the sentences
        told = {name: (name != "given" and self.retell(value)) or value for name, value in values.items()}
        return _PLACE.sub(lambda place: told[place[1]], words)

    @cached_property
    def _patterns(self) -> list[tuple[re.Pattern[str], str]]:
        """The most exact first: a place could stand for half a sentence."""
        known = [words for words in self._sentences if _own_letters(words) >= _LEAST_OWN_LETTERS or "{" not in words]
        known.sort(key=_own_letters, reverse=True)
        return [(re.compile(_pattern(words), re.DOTALL), self._sentences[words]) for words in known]


def _own_letters(words: str) -> int:
    return len(_PLACE.sub("", words).strip())


def _pattern(words: str) -> str:
    seen: set[str] = set()
    pattern, end = "", 0
    for place in _PLACE.finditer(words):
        name = place[1]
        value = f"(?P={name})" if name in seen else f"(?P<{name}>.+?)"
        # {given!r} puts quotation marks around it, which belong to the English sentence
        value = rf"['\"]?{value.replace('+?', '*?')}['\"]?" if "!r" in place[0] else value
        pattern += re.escape(words[end : place.start()]) + value
        seen.add(name)
        end = place.end()
    return pattern + re.escape(words[end:])
