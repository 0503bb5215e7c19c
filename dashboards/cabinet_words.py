"""What cabinets say of configurations and commands, and intake of what it can't use, in the visitor's language.

A cabinet answers in English, also one of an older release, and its words are kept as they came. Each sentence has its
words and places in ``words/cabinets.zh.json``, as refusals have in ``refusals.zh.json``; here it is found again by
them, and its values are filled into the other language's. The setting before the colon is a name, the same in all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from dashboards.kept_sentences import KeptSentences
from dashboards.site import lang, site

_SETTING = re.compile(r"(?P<setting>[A-Za-z_][\w.-]*(?:\[\d+\]|\.\"[^\"]*\"|\.[\w:-]+)*): (?P<said>.+)", re.DOTALL)
_BETWEEN = re.compile(r"\n|; (?=[a-z_]+(?:[.\[]\S*)?: )")  # the problems of a configuration, as answer and as state


class CabinetWords:
    """Finds what was said; ``sentences`` from English to the other language, with ``{places}``."""

    def __init__(self, sentences: Mapping[str, str]) -> None:
        self._kept = KeptSentences(sentences)

    def tell(self, said: str) -> str:
        """All of ``said``, problem by problem; what nobody has words for stays as it is."""
        told = [self._problem(each) for each in _BETWEEN.split(said)]
        return ("\n" if "\n" in said else "；").join(told)

    def letter(self, said: str) -> str:
        """Why something that came could not be used; what a decoder says of bytes stays as it is."""
        return self._kept.retell(said) or said

    def _problem(self, said: str) -> str:
        named = _SETTING.fullmatch(said)
        told = self._kept.retell(named["said"]) if named is not None else None
        if named is not None and told is not None:
            return f"{named['setting']}：{told}"
        return self._kept.retell(said) or said


def load_cabinet_words(folder: Path, refusals: Mapping[str, str]) -> CabinetWords:
    """From ``cabinets.zh.json``, and of ``refusals`` those that end a command. Raises ``ValueError``."""
    path = folder / "cabinets.zh.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict) or not all(isinstance(words, str) for words in found.values()):
        raise ValueError(f"{path}: must be one flat JSON object of texts")
    return CabinetWords({**{words: refusals[words] for words in _OF_REPLIES if words in refusals}, **found})


# what registry.services.command_replies refuses of an answer
_OF_REPLIES = (
    "the cabinet told no values; its program is another version",
    "the readings lay {apart} {unit} apart; let it come to rest first",
    "the cabinet measured no point of this sensor that has a zero",
    "must be a Mosquitto password hash, $7$iterations$salt$hash",
)


def from_cabinet(said: str) -> str:
    """What a cabinet said, in the language of this request."""
    return said if lang() == "en" or not said else site().cabinet_words.tell(said)


def from_letter(said: str) -> str:
    """Why something could not be used, in the language of this request."""
    return said if lang() == "en" or not said else site().cabinet_words.letter(said)
