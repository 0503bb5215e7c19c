"""Answers in the two forms of the specification: plain values in, XML or JSON out, errors included.

A list becomes an element per value, named by ``_ITEMS``; a dict an element per key; None an empty element, as the
specification's own examples have it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from xml.etree import ElementTree

from flask import Response, json, request

PREFIX = "/open311/"
FORMS = ("xml", "json")
XML_TYPE, JSON_TYPE = "text/xml", "application/json"

# What XML 1.0 can't hold, not even as a reference.
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# What one of a list is called.
_ITEMS = {
    "services": "service",
    "attributes": "attribute",
    "values": "value",
    "service_requests": "request",
    "service_request_updates": "request_update",
    "errors": "error",
    "endpoints": "endpoint",
    "formats": "format",
}


def asked_form(path: str) -> str:
    """``xml`` or ``json``: by the ending of the address, else by what the client reads, else XML, which all must."""
    ending = path.rpartition(".")[2].lower()
    if ending in FORMS:
        return ending
    read = request.accept_mimetypes.best_match([XML_TYPE, "application/xml", JSON_TYPE], default=XML_TYPE)
    return "json" if read == JSON_TYPE else "xml"


def without_ending(text: str) -> str:
    """An id out of an address, without ``.xml`` or ``.json``."""
    head, _, ending = text.rpartition(".")
    return head if head and ending.lower() in FORMS else text


def answer(root: str, value: Sequence[Any] | Mapping[str, Any], status: int = HTTPStatus.OK) -> Response:
    """``value`` under the element ``root``; in JSON the bare value, as the specification wants it."""
    if asked_form(request.path) == "json":
        return Response(json.dumps(value) + "\n", status, content_type=f"{JSON_TYPE}; charset=utf-8")
    body = ElementTree.tostring(_element(root, value), encoding="utf-8", xml_declaration=True)
    return Response(body, status, content_type=f"{XML_TYPE}; charset=utf-8")


def refusal(status: int, description: str) -> Response:
    """An error as the specification has it: a list of codes and descriptions, the status being the code."""
    return answer("errors", [{"code": status, "description": description}], status)


def _element(name: str, value: Any) -> ElementTree.Element:
    made = ElementTree.Element(name)
    if isinstance(value, Mapping):
        made.extend(_element(key, part) for key, part in value.items())
    elif isinstance(value, list | tuple):
        made.extend(_element(_ITEMS[name], part) for part in value)
    elif isinstance(value, bool):
        made.text = "true" if value else "false"
    elif value is not None:
        made.text = _NOT_IN_XML.sub("", str(value))
    return made
