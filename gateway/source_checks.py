"""What in the ``[[source]]`` tables can't work, as ``field: what is wrong and how to mend it``. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from gateway.decoders.json_paths import steps
from gateway.ports import read_port

if TYPE_CHECKING:
    from gateway.settings import CabinetSettings, SourceSettings

MQTT_KINDS = frozenset({"chirpstack", "things_stack", "json_mqtt", "sparkplug"})
PUSH_KINDS = frozenset({"ctwing", "onenet", "json_http"})

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_SERIAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_PATH = re.compile(r"/[A-Za-z0-9._~/-]{1,200}")
_SHORTEST_SECRET = 24  # characters of a path that is all that protects the door


def source_problems(settings: CabinetSettings) -> Iterator[str]:
    """Everything in ``push`` and ``source`` that can't work."""
    for name, value, low, high in (
        ("push.port", settings.push.port, 1, 65535),
        ("push.max_bytes", settings.push.max_bytes, 1024, 1 << 26),
        ("push.per_second", settings.push.per_second, 0.1, 100_000),
        ("push.answer_within_s", settings.push.answer_within_s, 0, 60),
    ):
        if not low <= value <= high:
            yield f"{name}: is {value}; it must be between {low} and {high}"
    names = Counter(source.name for source in settings.source)
    paths = Counter(source.path for source in settings.source if source.kind in PUSH_KINDS)
    lines = Counter(bus.port for bus in settings.bus) + Counter(source.port for source in settings.source)
    serials = Counter(unit.serial for bus in settings.bus for unit in bus.unit)
    serials.update(device.serial for source in settings.source for device in source.device)
    for place, source in enumerate(settings.source):
        at = f"source[{place}]"
        if not _NAME.fullmatch(source.name) or names[source.name] > 1:
            yield f"{at}.name: {source.name!r} is used twice or no name; use up to 32 letters, digits, . _ -"
        if source.kind in MQTT_KINDS:
            yield from _mqtt_problems(at, source)
        elif source.kind in PUSH_KINDS:
            yield from _push_problems(at, source, paths)
        else:
            yield from _line_problems(at, source, lines)
        yield from _device_problems(at, source, serials)


def _mqtt_problems(at: str, source: SourceSettings) -> Iterator[str]:
    if source.id_path and steps(source.id_path) is None:
        yield f"{at}.id_path: {source.id_path!r} is no path; write names with dots between, such as meta.sn"
    if source.broker is None or not source.broker.host:
        yield f"{at}.broker.host: is missing; write [source.broker] with the host that {source.kind} publishes to"
    elif bool(source.broker.tls_cert) != bool(source.broker.tls_key):
        yield f"{at}.broker.tls_key: a client certificate needs both tls_cert and tls_key"
    elif source.broker.tls_cert and not source.broker.tls_ca:
        yield f"{at}.broker.tls_ca: is empty; a client certificate is only shown over TLS, so name the CA file"
    if source.kind != "json_mqtt":
        return
    if not source.topics:
        yield f'{at}.topics: is empty; write the topics to listen to, such as ["city/{{device}}/data"]'
    if not source.id_path and not all("{device}" in topic.split("/") for topic in source.topics):
        yield f"{at}.id_path: is empty; say where the device's identity stands, or put {{device}} into every topic"


def _push_problems(at: str, source: SourceSettings, paths: Counter[str]) -> Iterator[str]:
    if not _PATH.fullmatch(source.path):
        yield f"{at}.path: {source.path!r} is no path; write one such as /push/LONG-RANDOM-TEXT"
    elif paths[source.path] > 1:
        yield f"{at}.path: {source.path!r} is used twice; every source has its own"
    elif not source.token and len(source.path) < _SHORTEST_SECRET and source.kind != "onenet":
        yield f"{at}.path: is all that protects this door; make it at least {_SHORTEST_SECRET} random characters"
    if source.kind == "onenet" and not source.token:
        yield f"{at}.token: is empty; set the same token here and in the platform, or nobody can tell who pushes"
    if source.kind == "json_http" and not source.id_path:
        yield f"{at}.id_path: is empty; say where in the document the device's identity stands"


def _line_problems(at: str, source: SourceSettings, lines: Counter[str]) -> Iterator[str]:
    try:
        port = read_port(source.port)
    except ValueError as error:
        yield f"{at}.port: {error}"
        return
    if not source.port or lines[source.port] > 1 or port.framing == "tcp":
        yield f"{at}.port: {source.port!r} is empty, used twice or Modbus TCP; name a serial device of its own"
    try:
        bytes.fromhex(source.ask)
    except ValueError:
        yield f"{at}.ask: {source.ask!r} is no hex; write bytes such as 77 05 00 00 04 09"
    for name, value, low, high in (
        ("baud", source.baud, 300, 4_000_000),
        ("ask_every_s", source.ask_every_s, 0.05, 86400),
    ):
        if not low <= value <= high:
            yield f"{at}.{name}: is {value}; it must be between {low} and {high}"
    if len(source.device) != 1:
        yield f"{at}.device: there are {len(source.device)}; a line of frames has exactly one [[source.device]]"


def _device_problems(at: str, source: SourceSettings, serials: Counter[str]) -> Iterator[str]:
    ids = Counter(device.id.lower() for device in source.device)
    for number, device in enumerate(source.device):
        here = f"{at}.device[{number}]"
        if not device.id or ids[device.id.lower()] > 1:
            yield f"{here}.id: {device.id!r} is empty or used twice in this source"
        if not _SERIAL.fullmatch(device.serial):
            yield f"{here}.serial: {device.serial!r} can't be a name in SenML; use letters, digits, . _ : -"
        elif serials[device.serial] > 1:
            yield f"{here}.serial: {device.serial!r} is used twice in this cabinet; each device has its own"
        for name, value in device.settings.items():
            if not isinstance(value, bool | int | float | str):
                yield f"{here}.settings.{name}: is {value!r}; a setting is a number, a text, true or false"
