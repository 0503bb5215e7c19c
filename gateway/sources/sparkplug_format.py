"""The bytes of Sparkplug B 3.0: which topic is what, and the payload's protobuf as metrics of our own. Pure.

Source: Eclipse Sparkplug 3.0 §4 (topics), §6.4 (payload). The fields stand here as a table from which Google's protobuf
library makes its classes, so that no generated code has to be kept.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from gateway.sources.frames import Damaged

_TOPIC = re.compile(
    r"spBv1\.0/(?P<group>[^/+#]+)/(?P<kind>[DN](?:BIRTH|DATA|DEATH))/(?P<node>[^/+#]+)(?:/(?P<device>[^/+#]+))?"
)
_PACKAGE = "org.eclipse.tahu.protobuf"
_Type = descriptor_pb2.FieldDescriptorProto
# number, name, type; metadata, properties, datasets and templates are passed over as unknown fields
_METRIC = (
    (1, "name", _Type.TYPE_STRING), (2, "alias", _Type.TYPE_UINT64), (3, "timestamp", _Type.TYPE_UINT64),
    (4, "datatype", _Type.TYPE_UINT32), (5, "is_historical", _Type.TYPE_BOOL), (6, "is_transient", _Type.TYPE_BOOL),
    (7, "is_null", _Type.TYPE_BOOL), (10, "int_value", _Type.TYPE_UINT32), (11, "long_value", _Type.TYPE_UINT64),
    (12, "float_value", _Type.TYPE_FLOAT), (13, "double_value", _Type.TYPE_DOUBLE),
    (14, "boolean_value", _Type.TYPE_BOOL), (15, "string_value", _Type.TYPE_STRING),
    (16, "bytes_value", _Type.TYPE_BYTES),
)  # fmt: skip
_PAYLOAD = ((1, "timestamp", _Type.TYPE_UINT64), (3, "seq", _Type.TYPE_UINT64), (4, "uuid", _Type.TYPE_STRING))
_VALUES = ("int_value", "long_value", "float_value", "double_value", "boolean_value", "string_value")
_SIGNED_BITS = {1: 8, 2: 16, 3: 32, 4: 64}  # datatypes Int8 to Int64 travel as two's complement
_BOOLEAN = 11

Value = bool | int | float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a message comes from: ``kind`` is NBIRTH, NDATA, NDEATH, DBIRTH, DDATA or DDEATH."""

    group: str
    kind: str
    node: str
    device: str = ""

    @property
    def node_id(self) -> str:
        """The edge node's identity."""
        return f"{self.group}/{self.node}"

    @property
    def owner(self) -> str:
        """The identity of what measured: the device, or the node itself."""
        return f"{self.node_id}/{self.device}" if self.device else self.node_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric as it stands in a message: name or alias, or both; ``value`` None when null or of no simple type."""

    name: str = ""
    alias: int | None = None
    timestamp_ms: int | None = None
    datatype: int = 0
    raw: Value | None = None

    def value(self, datatype: int) -> Value | None:
        """The value as its ``datatype`` says (the message's own, or the birth's)."""
        bits = _SIGNED_BITS.get(self.datatype or datatype)
        if bits is None or isinstance(self.raw, bool) or not isinstance(self.raw, int):
            return self.raw
        low = self.raw & ((1 << bits) - 1)
        return low - (1 << bits) if low >> (bits - 1) else low


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """One message: ``seq`` is None where there is none (NDEATH)."""

    metrics: Sequence[Metric]
    timestamp_ms: int | None
    seq: int | None


def read_topic(topic: str) -> Address | None:
    """Where a message comes from; None for commands, states and what is no Sparkplug."""
    found = _TOPIC.fullmatch(topic)
    if found is None or (found["kind"][0] == "D") != bool(found["device"]):
        return None
    return Address(group=found["group"], kind=found["kind"], node=found["node"], device=found["device"] or "")


def read_payload(body: bytes) -> Payload:
    """The metrics in ``body``. Raises ``Damaged``."""
    message = _message_class()()
    try:
        message.ParseFromString(body)
    except (DecodeError, UnicodeDecodeError, struct.error) as error:
        raise Damaged(f"bad_frame: no Sparkplug payload ({error})") from None
    return Payload(
        metrics=[_metric(metric) for metric in message.metrics],
        timestamp_ms=message.timestamp if message.HasField("timestamp") else None,
        seq=message.seq if message.HasField("seq") else None,
    )


def rebirth(address: Address, *, now_ms: int) -> tuple[str, bytes]:
    """Topic and payload of the command that asks a node to be born again."""
    message = _message_class()()
    message.timestamp = now_ms
    metric = message.metrics.add()
    metric.name, metric.timestamp, metric.datatype, metric.boolean_value = (
        "Node Control/Rebirth", now_ms, _BOOLEAN, True,
    )  # fmt: skip
    return f"spBv1.0/{address.group}/NCMD/{address.node}", bytes(message.SerializeToString())


def _metric(metric: Any) -> Metric:
    raw = None
    if not metric.is_null:
        raw = next((getattr(metric, name) for name in _VALUES if metric.HasField(name)), None)
    return Metric(
        name=metric.name,
        alias=metric.alias if metric.HasField("alias") else None,
        timestamp_ms=metric.timestamp if metric.HasField("timestamp") else None,
        datatype=metric.datatype,
        raw=raw,
    )


@lru_cache(maxsize=1)
def _message_class() -> Any:
    """The payload's class, made when the first Sparkplug message comes."""
    file = descriptor_pb2.FileDescriptorProto(name="sparkplug_b.proto", package=_PACKAGE, syntax="proto2")
    payload = file.message_type.add(name="Payload")
    metric = payload.nested_type.add(name="Metric")
    for table, kind in ((_PAYLOAD, payload), (_METRIC, metric)):
        for number, name, field_type in table:
            kind.field.add(name=name, number=number, type=field_type, label=_Type.LABEL_OPTIONAL)
    payload.field.add(
        name="metrics", number=2, label=_Type.LABEL_REPEATED, type=_Type.TYPE_MESSAGE,
        type_name=f".{_PACKAGE}.Payload.Metric",
    )  # fmt: skip
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Payload"))
