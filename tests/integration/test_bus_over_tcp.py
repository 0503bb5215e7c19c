"""A bus behind TCP: pymodbus' own server as the other side, and a serial server in transparent mode."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice
from structlog.testing import capture_logs

from gateway.settings import BusSettings, UnitSettings
from tests.mosquitto import free_port
from tests.polling import Kept, polling, wait_until
from tests.serial_bus import crc16

UNREACHABLE = -1


async def unreachable(*_: object) -> ExcCodes:
    """What a server that leads to a serial line says when the unit on it gives no answer."""
    return ExcCodes.GATEWAY_NO_RESPONSE


def registers(tilt_z: int) -> list[int]:
    return [1, 120, 0, 7, 0, 60, 10, 65526, tilt_z & 0xFFFF, 5, 20, 500, 215, 3600, 87, 0]


@contextmanager
def modbus_server(port: int, tilts: Mapping[int, int]) -> Iterator[None]:
    """pymodbus' server with a cover unit at each address."""
    devices = [
        SimDevice(
            address,
            simdata=[SimData(0, values=registers(tilt), datatype=DataType.REGISTERS)],
            action=unreachable if tilt == UNREACHABLE else None,
        )
        for address, tilt in tilts.items()
    ]
    loop = asyncio.new_event_loop()
    started = threading.Event()
    stop = asyncio.Event()

    async def serve() -> None:
        server = ModbusTcpServer(devices, address=("127.0.0.1", port))
        await server.serve_forever(background=True)
        started.set()
        await stop.wait()
        await server.shutdown()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert started.wait(60)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(60)
        loop.close()


def settings(port: int, *addresses: int, kind: str = "tcp", **changes: object) -> BusSettings:
    units = tuple(UnitSettings(address=at, serial=f"CV-{at}", profile="cc-cover-1") for at in addresses)
    values: dict[str, object] = {
        "name": "t1", "port": f"{kind}://127.0.0.1:{port}", "timeout_s": 0.5, "poll_every_s": 0.1, "unit": units,
    }  # fmt: skip
    return BusSettings(**(values | changes))


def test_units_behind_a_modbus_tcp_server_are_read_with_their_own_values():
    port, kept = free_port(), Kept()
    with modbus_server(port, {1: 123, 2: 65535}), polling(settings(port, 1, 2), kept) as bus:
        wait_until(lambda: len(kept.of("CV-1", "tilt_z")) >= 5 and len(kept.of("CV-2", "tilt_z")) >= 5, within_s=60)
        assert bus.health().crc_errors == bus.health().timeouts == 0
        assert 0 < bus.health().busy < 1
    assert set(kept.of("CV-1", "tilt_z")) == {1.23}
    assert set(kept.of("CV-2", "tilt_z")) == {-0.01}


def test_a_unit_that_the_server_does_not_reach_is_silent_and_costs_the_others_nothing():
    port, kept = free_port(), Kept()
    with modbus_server(port, {1: 123, 9: UNREACHABLE}), polling(settings(port, 1, 9), kept) as bus:
        wait_until(lambda: len(kept.of("CV-1", "tilt_z")) >= 10, within_s=60)
        assert bus.health().units_silent == [9]
        (one, nine) = bus.units()
        assert (one.quality, one.silent) == (1.0, False)
        assert (nine.answers, nine.silent) == (0, True)


def test_a_server_that_goes_away_is_said_once_and_its_return_once():
    port, kept = free_port(), Kept()
    with capture_logs() as logs, polling(settings(port, 1), kept) as bus:
        with modbus_server(port, {1: 123}):
            wait_until(lambda: len(kept.answers) >= 2, within_s=60)
        wait_until(lambda: bus.health().units_silent == [1], within_s=60)
        before = len(kept.answers)
        with modbus_server(port, {1: 123}):
            wait_until(lambda: len(kept.answers) >= before + 2, within_s=60)
    events = [entry["event"] for entry in logs if entry["event"].startswith("line_")]
    at_first = events.index("line_open")  # the bus may have asked before the server listened
    assert events[at_first:][:3] == ["line_open", "line_down", "line_open"]


def test_a_server_that_speaks_something_else_is_said_once_and_gives_no_reading():
    port, kept, met = free_port(), Kept(), []
    server = socket.create_server(("127.0.0.1", port))
    with server, capture_logs() as logs, polling(settings(port, 1), kept) as bus:
        while len(met) < 3:
            link, _ = server.accept()
            with link:
                met.append(link.recv(100))
                link.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                wait_until(lambda: bus.health().units_silent == [1], within_s=60)
    assert not kept.answers
    assert [entry["event"] for entry in logs if entry["event"].startswith("line_")] == ["line_open", "line_down"]


def test_a_serial_server_in_transparent_mode_carries_rtu_frames():
    kept = Kept()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with polling(settings(port, 1, kind="rtu+tcp"), kept):
            link, _ = server.accept()
            with link:
                while len(kept.answers) < 3:
                    frame = link.recv(8)
                    assert crc16(frame[:-2]) == frame[-2:]
                    block = b"".join(value.to_bytes(2, "big") for value in registers(123))
                    answer = bytes((1, 4, len(block))) + block
                    link.sendall(answer + crc16(answer))
    assert set(kept.of("CV-1", "tilt_z")) == {1.23}
