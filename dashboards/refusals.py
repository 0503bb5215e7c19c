"""What is wrong with a field, in the visitor's language: the registry's English sentences looked up and filled in.

The registry refuses in English (``InvalidInput``: a sentence with places, and the values for them). The Chinese one
stands in ``words/refusals.zh.json`` under the English one; sentences that the registry itself keeps in both languages
(remarks about areas, faults of a file's rows) are taken from there. A value may be such a sentence, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from dashboards.site import lang, site, t
from registry.domain.areas import remark_sentences
from registry.domain.asset_facts import FACTS
from registry.domain.errors import InvalidInput
from registry.queries.imports import fault_sentences

_PART = re.compile(r"([^.\[\]]+)(?:\[(\d+)\])?")


def load_refusals(folder: Path) -> dict[str, str]:
    """Each English sentence of a refusal and the Chinese one. Raises ``ValueError`` for a file that is no such list."""
    path = folder / "refusals.zh.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict) or not all(isinstance(words, str) for words in found.values()):
        raise ValueError(f"{path}: must be one flat JSON object of texts")
    return fault_sentences() | remark_sentences() | found


def tell(error: InvalidInput, sentences: Mapping[str, str]) -> str:
    """What is wrong, by ``sentences`` (English to another language); in English where there is none for it."""
    words = sentences.get(error.words)
    if words is None:
        return error.problem
    if not error.values:
        return words
    # what the visitor typed ("given") is theirs, also when it reads like one of the sentences
    values = {
        name: sentences.get(value, value) if isinstance(value, str) and name != "given" else value
        for name, value in error.values.items()
    }
    return words.format(**values)


def kept_problem(text: str) -> str:
    """A refusal that was kept as text ("field: what is wrong", of a job that failed), in the language of this request.

    What is no sentence of ours, such as an operating system's error, stays as it is.
    """
    if lang() == "en" or not text:
        return text
    known = site().kept_refusals
    field, colon, said = text.partition(": ")
    if colon and (told := known.retell(said)) is not None:
        return f"{field_name(field)}：{told}"
    return known.retell(text) or text


def problem_at(error: InvalidInput) -> str:
    """What is wrong with the field, in the language of this request."""
    if lang() == "en":
        return error.problem
    if isinstance(faults := error.values.get("faults"), str):  # a cabinet's, which has words of its own
        error = error.telling(faults=site().cabinet_words.tell(faults))
    return tell(error, site().refusals)


def field_name(path: str) -> str:
    """A field as people call it: ``depth_mm`` is 井深, ``elements[2].size_mm`` is 部件 3 · 字高.

    A part that means something else there has a name with the part before it: ``field.source.by``.
    """
    if word := _name(path):
        return word
    found = _PART.findall(path)
    above = ["", *(name for name, _ in found)]
    parts = [
        (_name(f"{over}.{name}") or _name(name) or name, index)
        for over, (name, index) in zip(above, found, strict=False)
    ]
    return " · ".join(f"{word} {int(index) + 1}" if index else word for word, index in parts) or path


def _name(field: str) -> str:
    texts = site().texts
    for key in (f"field.{field}", f"designer.p.{field}", f"point.{field}", f"rule_field.{field}"):
        if texts.has(lang(), key):
            return t(key)
    fact = FACTS.get(field)
    return "" if fact is None else fact.zh if lang() == "zh" else fact.en
