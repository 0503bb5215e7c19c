"""What Sparkplug B nodes say: births fill the tables of aliases, a gap in the sequence asks for a rebirth.

Sparkplug publishes with QoS 0: what is lost on the way is lost, and a gap only tells that it was. So it is a bridge to
machines that speak nothing else and not the record that the rest of CoverCode is. Pure apart from what it remembers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import msgspec
import structlog

from gateway.sources.frames import Damaged, Found, Frame, Say, Unreadable
from gateway.sources.sparkplug_format import Address, Metric, Payload, Value, read_payload, read_topic, rebirth

TOPICS = tuple(f"spBv1.0/+/{kind}/#" for kind in ("NBIRTH", "NDATA", "NDEATH", "DBIRTH", "DDATA", "DDEATH"))

_ASK_AGAIN_AFTER_MS = 30_000  # a node gets this long to be born again
_BD_SEQ = "bdSeq"
_CONTROL = "Node Control/"

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Node:
    """What is known of one edge node; ``names``: alias → name and datatype, by owner."""

    seq: int = -1
    bd_seq: Value | None = None
    born: bool = False
    names: dict[int, tuple[str, int]] = field(default_factory=dict)
    types: dict[tuple[str, str], int] = field(default_factory=dict)
    asked_ms: int = -_ASK_AGAIN_AFTER_MS


@dataclass(slots=True)
class Sparkplug:
    """All nodes of one source. ``now_ms`` is Unix ms."""

    now_ms: Callable[[], int]
    gaps: int = 0
    _nodes: dict[str, _Node] = field(default_factory=dict)

    def connected(self) -> list[Found]:
        """A new connection: what came meanwhile is not known, so every node must be born again."""
        says: list[Found] = []
        for node_id, node in self._nodes.items():
            node.born = False
            group, _, name = node_id.partition("/")
            says.extend(self._ask(node, Address(group=group, kind="NDATA", node=name)))
        return says

    def read(self, topic: str, body: bytes) -> list[Found]:
        """The frames in one message, one for each time in it, and a rebirth command where one is needed."""
        address = read_topic(topic)
        if address is None:
            return []
        node = self._nodes.setdefault(address.node_id, _Node())
        try:
            payload = read_payload(body)
        except Damaged as damage:
            return [Unreadable(reason=str(damage), body=body, device=address.owner), *self._ask(node, address)]
        if address.kind == "NDEATH":
            _end(node, address, payload)
            return []
        if address.kind == "NBIRTH":
            _begin(node, payload)
        complete = self._in_sequence(node, address, payload)
        if address.kind.endswith("BIRTH"):
            _learn(node, address, payload)
        found, unknown = _frames(node, address, payload, body)
        return [*found, *([] if complete and not unknown else self._ask(node, address))]

    def _in_sequence(self, node: _Node, address: Address, payload: Payload) -> bool:
        """Whether nothing is missing before this message."""
        if payload.seq is None:
            return node.born
        expected = payload.seq if address.kind == "NBIRTH" else (node.seq + 1) % 256
        node.seq = payload.seq
        if node.born and payload.seq != expected:
            self.gaps += 1
            node.born = False  # aliases may have changed in what was missed
            log.warning("sparkplug_gap", node=address.node_id, expected=expected, came=payload.seq)
        return node.born

    def _ask(self, node: _Node, address: Address) -> Iterable[Say]:
        now_ms = self.now_ms()
        if now_ms - node.asked_ms < _ASK_AGAIN_AFTER_MS:
            return []
        node.asked_ms = now_ms
        log.info("sparkplug_rebirth_asked", node=address.node_id)
        topic, body = rebirth(address, now_ms=now_ms)
        return [Say(topic=topic, body=body)]


def _begin(node: _Node, payload: Payload) -> None:
    node.born = True
    node.names, node.types = {}, {}
    node.bd_seq = next((metric.raw for metric in payload.metrics if metric.name == _BD_SEQ), None)


def _end(node: _Node, address: Address, payload: Payload) -> None:
    """A death that belongs to an older birth (its last will came late) changes nothing."""
    bd_seq = next((metric.raw for metric in payload.metrics if metric.name == _BD_SEQ), None)
    if bd_seq == node.bd_seq and node.born:
        node.born = False
        log.warning("sparkplug_node_down", node=address.node_id)


def _learn(node: _Node, address: Address, payload: Payload) -> None:
    for metric in payload.metrics:
        if metric.name:
            node.types[address.owner, metric.name] = metric.datatype
            if metric.alias is not None:
                node.names[metric.alias] = (metric.name, metric.datatype)


def _frames(node: _Node, address: Address, payload: Payload, body: bytes) -> tuple[list[Found], bool]:
    """The metrics as documents by time, and whether an alias was met that no birth has named."""
    by_time: dict[int | None, dict[str, Value]] = {}
    unknown: list[int] = []
    for metric in payload.metrics:
        name, datatype = _name(node, address, metric)
        if not name:
            unknown.append(metric.alias or 0)
            continue
        value = metric.value(datatype)
        if value is not None and name != _BD_SEQ and not name.startswith(_CONTROL):
            by_time.setdefault(metric.timestamp_ms or payload.timestamp_ms, {})[name] = value
    found: list[Found] = [_frame(address, fields, at_ms) for at_ms, fields in by_time.items()]
    if unknown:
        reason = f"unknown_alias: no birth has named {unknown[:8]}; a rebirth was asked for"
        found.append(Unreadable(reason=reason, body=body, device=address.owner))
    return found, bool(unknown)


def _frame(address: Address, fields: Mapping[str, Value], at_ms: int | None) -> Frame:
    document = msgspec.json.encode(fields)
    return Frame(device=address.owner, document=document, payload=document, measured_ms=at_ms)


def _name(node: _Node, address: Address, metric: Metric) -> tuple[str, int]:
    """Name and datatype of ``metric``; an alias counts only while its birth stands."""
    if metric.name:
        return metric.name, node.types.get((address.owner, metric.name), metric.datatype)
    known = node.names.get(metric.alias) if metric.alias is not None and node.born else None
    return known or ("", 0)
