"""Reading frames again that no decoder knew when they came: for the intake, which may not know of decoders itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from gateway.decoders import Measured, Rejected, decode
from gateway.device_profiles import load_profiles
from gateway.senml import BadPack, Undecoded
from gateway.senml import decode as decode_pack
from gateway.sources.reception import serial_of
from registry.intake import LetterReader, RawReading

_SUSPECT = 1

_frames = msgspec.json.Decoder(Undecoded)


def frame_reader(profiles_dir: Path | None = None) -> LetterReader:
    """How to read what is kept as it came: a frame with the profile its device is fitted with now, or a whole pack.

    It raises ``ValueError`` with why it still can't be read. Raises ``BadProfile`` for the folder.
    """
    profiles = load_profiles(profiles_dir)

    def read(body: str, profile_of: Callable[[str], str]) -> list[RawReading]:
        try:
            frame = _frames.decode(body)
        except msgspec.MsgspecError:
            return _whole_pack(body)
        # registered under the serial a cabinet would give it, or as the network writes its identity
        written = (serial_of(frame.device), frame.device)
        serial = next((each for each in written if profile_of(each)), written[0])
        name = profile_of(serial)
        if not name:
            raise ValueError(f"device {serial!r} is not registered: fit it to an asset with its profile, then replay")
        if name not in profiles:
            raise ValueError(f"device {serial} has profile {name!r}, which this program does not know")
        outcome = decode(profiles[name], bytes.fromhex(frame.payload), port=frame.port)
        if isinstance(outcome, Rejected):
            raise ValueError(f"{outcome.reason}: {outcome.detail} (profile {name})")
        return [_reading(serial, each, frame.received_ms) for each in outcome.points]

    return read


def _whole_pack(body: str) -> list[RawReading]:
    try:
        return decode_pack(body.encode()).readings
    except BadPack as problem:
        raise ValueError(problem.reason) from None


def _reading(serial: str, measured: Measured, received_ms: int) -> RawReading:
    told = measured.at_s
    measured_ms = received_ms - round(measured.ago_s * 1000) if told is None else round(told * 1000)
    quality = _SUSPECT if measured.suspect else 0
    return serial, measured.name, measured_ms, received_ms, measured.value, quality
