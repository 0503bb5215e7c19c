"""What a device profile can say: the types of ``gateway/profiles/*.toml``. Values only; ``checks`` tells what is wrong.

A profile names its decoder by ``kind``: ``registers`` (a block of Modbus registers), ``frames`` (a vendor's layout that
we ship, named by ``layout``), ``tlv`` (a table of tags in the profile itself), ``json`` (a path for every point).
"""

from __future__ import annotations

from typing import Literal

import msgspec

from gateway.reporting import ReportRule

Kind = Literal["registers", "frames", "tlv", "json"]
RegisterType = Literal["u16", "s16", "u32", "s32", "f32"]
NumberType = Literal["u8", "s8", "u16", "s16", "u24", "s24", "u32", "s32", "f32", "bf16"]
ByteOrder = Literal["big", "little"]
Setting = bool | int | float | str


class UrgentLimit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A value whose size (without sign) is above ``above`` or below ``below`` makes the whole answer urgent."""

    above: float | None = None
    below: float | None = None

    def broken_by(self, value: float) -> bool:
        """Whether ``value`` is beyond the limit."""
        size = abs(value)
        return (self.above is not None and size > self.above) or (self.below is not None and size < self.below)


class Factors(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The register that holds the unit in which a device measures, and each code's factor to the point's unit."""

    register: int
    factors: dict[str, float]


class PointProfile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One measured quantity: its ``unit`` (SenML), what is possible (``sane``, in that unit), and where it stands.

    ``register`` to ``decimals_register`` belong to ``kind = "registers"``, ``path`` to ``omitted`` to ``"json"``. The
    value is ``raw * scale + offset``; a raw number in ``missing`` means that nothing is fitted there. ``mask`` and
    ``shift`` cut a few bits out of a raw number: masked first, then shifted right, then compared with ``missing``.
    ``occasional``: it comes now and then (an alarm, a position), so that never having heard it means nothing.
    """

    name: str
    unit: str
    sane: tuple[float, float]
    register: int = -1
    type: RegisterType = "u16"
    scale: float = 1.0
    offset: float = 0.0
    missing: int | tuple[int, ...] | None = None
    mask: int | None = None
    shift: int = 0
    word_order: ByteOrder = "big"
    scale_by: Factors | None = None
    decimals_register: int | None = None
    path: str = ""
    from_unit: str = ""
    values: dict[str, float] = {}
    omitted: Literal["missing", "zero"] = "missing"
    urgent: UrgentLimit = UrgentLimit()
    report: ReportRule = ReportRule()
    occasional: bool = False


class Identity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``register`` must hold in every answer of this kind of unit."""

    register: int
    value: int


class Battery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the battery's point means: from ``low`` down somebody should plan a visit; ``full`` is a new battery."""

    point: str
    low: float
    full: float
    note: str = ""


class TagField(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One number, or one text, in the value of a tag, ``at`` bytes from its begin.

    Either ``point`` (a number for the point of that name) or ``fact`` (a text about the device: ``hex`` as it stands,
    ``version`` each byte in hex with dots between, ``nibbles`` one byte's halves, ``hardware`` a byte and the upper
    half of the next, ``ascii``, ``number``). ``faults``: raw numbers that say why nothing was measured. ``shift`` keeps
    the sign of a signed number. ``values`` replaces raw numbers one by one.
    """

    at: int = 0
    type: NumberType = "u8"
    point: str = ""
    fact: str = ""
    text: Literal["hex", "version", "hardware", "nibbles", "ascii", "number"] = "number"
    scale: float = 1.0
    offset: float = 0.0
    mask: int | None = None
    shift: int = 0
    byte_order: ByteOrder | None = None
    missing: int | tuple[int, ...] | None = None
    faults: dict[str, str] = {}
    values: dict[str, float] = {}


class Tag(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One tag: its ``id`` in hex as it stands in the frame, how many bytes follow, and what they mean.

    ``time_at``: where in the value a Unix time (seconds, four bytes) stands; its fields were measured then.
    """

    id: str
    length: int = 0
    field: tuple[TagField, ...] = ()
    title: str = ""
    time_at: int | None = None


class TlvTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a stream of tags is cut: ``head`` tells what stands before each value.

    ``tag``: one byte, ``channel-type``: two bytes; the table gives each tag's length. ``length-id``: one byte that
    counts what follows it, then two bytes of id. ``unknown``: what becomes of a frame with a tag that is not in the
    table (``skip`` needs lengths in the frame). ``common``: a vendor's tags that we ship. ``around``: a frame around.
    """

    head: Literal["tag", "channel-type", "length-id"]
    byte_order: ByteOrder = "big"
    unknown: Literal["reject", "skip"] = "reject"
    common: str = ""
    around: str = ""


class JsonTime(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the device's own time stands and how it is written; ``zone_h`` for an ISO time that names no zone."""

    path: str
    format: Literal["unix-s", "unix-ms", "iso"] = "unix-ms"
    zone_h: float | None = None


class JsonTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``records``: path to a list whose items are read one by one; empty: the document is the one record."""

    records: str = ""
    time: JsonTime | None = None


class DeviceProfile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of device: what it sends, how that is read, and what its points are.

    ``ports``: the LoRaWAN ports it may use (0: none given, as on NB-IoT or a serial line); empty: any. ``derive``:
    values worked out from others, by name. ``settings``: what depends on how a device is built or mounted.
    ``heartbeat_s``: how often it normally speaks, as it leaves the factory; 0: not known.
    """

    version: int
    title: str
    point: tuple[PointProfile, ...]
    kind: Kind = "registers"
    title_zh: str = ""
    note: str = ""
    heartbeat_s: float = 0.0
    battery: Battery | None = None
    ports: tuple[int, ...] = ()
    settings: dict[str, Setting] = {}
    derive: tuple[str, ...] = ()
    count: int = 0
    function: Literal[3, 4] = 4
    start: int = 0
    identity: Identity | None = None
    layout: str = ""
    tlv: TlvTable | None = None
    tag: tuple[Tag, ...] = ()
    json: JsonTable | None = None
    stream: str = ""
    name: str = ""  # the file's name without its ending


# msgspec must not learn a shape in two threads at once: it knows this one and all it holds from here on
msgspec.json.Decoder(DeviceProfile)
