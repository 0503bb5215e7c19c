"""A Mosquitto and the smallest city behind it, for benchmarks of the cabinet."""

from __future__ import annotations

import contextlib
import multiprocessing
import re
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

_AT_ONCE = 64
_HEADER = re.compile(rb'"vs":"([^"]+)"\},\{"n":"pack_seq","v":(\d+)\},\{"n":"pack_after","v":(\d+)\}')


@contextlib.contextmanager
def mosquitto(folder: Path, port: int = 0) -> Iterator[int]:
    """A broker on a port of its own until the block ends; answers the port."""
    port = port or free_port()
    config = folder / f"mosquitto-{port}.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\n"
        "max_queued_messages 1000000\nmax_inflight_messages 1000\n"
    )
    with (folder / "mosquitto.log").open("ab") as log:
        process = subprocess.Popen(["mosquitto", "-c", str(config)], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(20)


@contextlib.contextmanager
def small_city(port: int, marked: str = "") -> Iterator[Callable[[], dict[str, Any]]]:
    """A process that takes packs in order and confirms them, many at once as ingest does; answers how to ask it.

    Asking gives ``packs`` and ``bytes`` taken, ``repeats``, ``holes``, ``states`` (the newest), and ``marks``: when
    (``time.time``) a pack that holds the serial ``marked`` arrived, with its lane.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_city, args=(port, marked, theirs), daemon=True)
    process.start()
    ours.recv()

    def ask() -> dict[str, Any]:
        ours.send("tell")
        answer: dict[str, Any] = ours.recv()
        return answer

    try:
        yield ask
    finally:
        ours.send("end")
        process.join(10)


def _city(port: int, marked: str, pipe: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    seen: dict[str, Any] = {"packs": 0, "bytes": 0, "repeats": 0, "holes": 0, "marks": [], "state": b""}
    done: dict[tuple[str, str, str], int] = {}
    owed: dict[tuple[str, str, str], int] = {}
    mark = marked.encode()

    def take(_client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        _, _, cabinet, kind, *rest = message.topic.split("/")
        if kind == "state":
            seen["state"] = bytes(message.payload)
            return
        found = _HEADER.search(message.payload[:300])
        if found is None:
            return
        key, seq, after = (cabinet, rest[0], found[1].decode()), int(found[2]), int(found[3])
        reached = done.get(key, 0)
        if seq <= reached:
            seen["repeats"] += 1
        elif after > reached:
            seen["holes"] += 1
        else:
            done[key] = seq
            seen["packs"] += 1
            seen["bytes"] += len(message.payload)
            if mark and mark in message.payload:
                seen["marks"].append((rest[0], time.time()))
        owed[key] = done.get(key, 0)

    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="small-city", clean_session=True)
    client.on_message = take
    client.on_subscribe = lambda *_: pipe.send("ready") if not seen.setdefault("told", False) else None
    client.on_connect = lambda client, *_: client.subscribe([("covercode/v1/+/up/+", 1), ("covercode/v1/+/state", 1)])
    client.connect("127.0.0.1", port)
    while True:
        client.loop(timeout=0.01)
        _take_what_is_there(client)
        for (cabinet, lane, epoch), seq in owed.items():
            client.publish(f"covercode/v1/{cabinet}/ack/{lane}", f'{{"epoch":"{epoch}","seq":{seq}}}', qos=1)
        owed.clear()
        if pipe.poll():
            if pipe.recv() == "end":
                return
            pipe.send({**seen, "marks": list(seen["marks"])})
        if not client.is_connected() and client.loop_misc() != mqtt.MQTT_ERR_SUCCESS:
            with contextlib.suppress(OSError):
                seen["told"] = True
                client.reconnect()


def _take_what_is_there(client: mqtt.Client) -> None:
    """Several packs, then one confirmation for all of them, as ingest does it."""
    for _ in range(_AT_ONCE):
        sock = client.socket()
        if sock is None or not select.select([sock], [], [], 0)[0]:
            return
        if client.loop_read() != mqtt.MQTT_ERR_SUCCESS:
            return


def free_port() -> int:
    """A TCP port that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
