"""The sources of a cabinet, made from its settings. What a kind needs is imported only where such a source is set."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.device_profiles import BadProfile, DeviceProfile, with_settings
from gateway.settings import CabinetSettings, SourceDevice, SourceSettings
from gateway.source_checks import MQTT_KINDS, PUSH_KINDS
from gateway.sources.reception import Reception, Sink, SourceHealth

if TYPE_CHECKING:
    from gateway.sources.frames import Found
    from gateway.sources.mqtt import Dialect
    from gateway.sources.push import Door


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Something that runs in a thread of its own until told to stop."""

    name: str
    run: Callable[[threading.Event], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """All of them: ``parts`` to run, ``health`` of each source."""

    parts: Sequence[Part]
    receptions: Sequence[Reception]

    def health(self) -> list[SourceHealth]:
        """Every source's counts, in the order of the settings."""
        return [reception.health() for reception in self.receptions]


def profile_problems(settings: CabinetSettings, profiles: Mapping[str, DeviceProfile]) -> Iterator[str]:
    """Profiles that the sources name and that are not there, or can't be used where they are named."""
    known = ", ".join(sorted(profiles))
    for place, source in enumerate(settings.source):
        at = f"source[{place}]"
        named = [(f"{at}.device[{number}].profile", device.profile) for number, device in enumerate(source.device)]
        for where, name in [*named, *([(f"{at}.profile", source.profile)] if source.profile else [])]:
            if name not in profiles:
                yield f"{where}: {name!r} is unknown; use one of {known}"
            elif profiles[name].kind == "registers":
                yield f"{where}: {name!r} describes Modbus registers; put the device under [[bus.unit]]"
            elif source.kind == "serial_frames" and not profiles[name].stream:
                yield f"{where}: {name!r} names no stream; a line needs a profile of a device that speaks on lines"
        for number, device in enumerate(source.device):
            yield from _setting_problems(f"{at}.device[{number}]", device, profiles)


def _setting_problems(at: str, device: SourceDevice, profiles: Mapping[str, DeviceProfile]) -> Iterator[str]:
    """What one device is said to have otherwise than its profile, and can't have."""
    if not device.settings or device.profile not in profiles:
        return
    try:
        with_settings(profiles[device.profile], device.settings)
    except BadProfile as error:
        for fault in str(error).splitlines():
            yield f"{at}.{fault.removeprefix(f'{device.profile}: ')}"


def build_sources(
    settings: CabinetSettings,
    profiles: Mapping[str, DeviceProfile],
    sink: Sink,
    *,
    clock: Callable[[], float] = time.time,
) -> Sources:
    """The sources of ``settings``, which have been checked; nothing is opened yet."""
    receptions = [Reception(source, profiles, sink, clock=clock) for source in settings.source]
    both = list(zip(settings.source, receptions, strict=True))
    parts = [_mqtt_part(settings, *pair) for pair in both if pair[0].kind in MQTT_KINDS]
    parts += [_line_part(profiles, *pair) for pair in both if pair[0].kind == "serial_frames"]
    doors = [pair for pair in both if pair[0].kind in PUSH_KINDS]
    if doors:
        parts.append(_push_part(settings, doors))
    return Sources(parts=parts, receptions=receptions)


def _mqtt_part(settings: CabinetSettings, source: SourceSettings, reception: Reception) -> Part:
    from gateway.sources.mqtt import MqttSource

    if source.broker is None:
        raise ValueError(f"source {source.name} has no broker")
    listener = MqttSource(
        name=source.name,
        broker=source.broker,
        dialect=_dialect(source, reception),
        reception=reception,
        client_id=f"covercode-{settings.cabinet.id}-{source.name}",
    )
    return Part(name=f"source {source.name}", run=listener.run)


def _dialect(source: SourceSettings, reception: Reception) -> Dialect:
    from gateway.sources import chirpstack, things_stack
    from gateway.sources.mqtt import Dialect
    from gateway.sources.plain_json import JsonEnvelope

    if source.kind == "json_mqtt":
        envelope = JsonEnvelope(topics=source.topics, id_path=source.id_path)
        return Dialect(topics=envelope.filters(), read=envelope.read)
    if source.kind == "sparkplug":
        from gateway.sources import sparkplug

        nodes = sparkplug.Sparkplug(now_ms=reception.now_ms)
        return Dialect(topics=source.topics or sparkplug.TOPICS, read=nodes.read, greet=nodes.connected)
    network = chirpstack if source.kind == "chirpstack" else things_stack
    return Dialect(topics=source.topics or network.TOPICS, read=network.read)


def _push_part(settings: CabinetSettings, doors: Sequence[tuple[SourceSettings, Reception]]) -> Part:
    from gateway.sources.push import PushServer

    server = PushServer(settings=settings.push, doors=[_door(settings, *pair) for pair in doors])
    return Part(name="push", run=server.run)


def _door(settings: CabinetSettings, source: SourceSettings, reception: Reception) -> Door:
    from gateway.sources import ctwing, onenet
    from gateway.sources.plain_json import JsonEnvelope
    from gateway.sources.push import Door, Rate

    token = source.token
    envelope = JsonEnvelope(id_path=source.id_path)
    readers: Mapping[str, Callable[[bytes], Sequence[Found]]] = {
        "ctwing": ctwing.read,
        "onenet": lambda body: onenet.read(body, token),
        "json_http": lambda body: envelope.read("", body),
    }
    return Door(
        name=source.name,
        path=source.path,
        reception=reception,
        read=readers[source.kind],
        rate=Rate(settings.push.per_second),
        token=token,
        greet=(lambda query: onenet.greet(query, token)) if source.kind == "onenet" else None,
    )


def _line_part(profiles: Mapping[str, DeviceProfile], source: SourceSettings, reception: Reception) -> Part:
    from gateway.sources.serial_frames import FrameLine

    line = FrameLine(settings=source, profile=profiles[source.device[0].profile], reception=reception)
    return Part(name=f"source {source.name}", run=line.run)
