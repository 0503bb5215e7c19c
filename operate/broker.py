"""The embedded MQTT broker (amqtt), as a process of its own, so that restarting ingest never drops a cabinet.

It keeps nothing on disk and need not: a cabinet deletes a reading only after the city's own ack.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog
from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, ListenerConfig

log = structlog.get_logger(__name__)


class CannotListen(Exception):
    """The address is taken or not this machine's; the message says which setting to change."""


def run_broker(
    host: str, port: int, *, stop: threading.Event, password_file: Path | None = None, city_users: Sequence[str] = ()
) -> None:
    """Serve MQTT 3.1.1 until ``stop`` is set. Raises ``CannotListen``.

    Without ``password_file`` everybody is let in; with it, who stands in it: ``city_users`` to all topics, others to
    those of the cabinet of their name.
    """
    check_free(host, port, setting="broker.port")
    plugins: dict[str, Any] = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    if password_file is not None:
        where = {"path": str(password_file)}
        plugins = {
            "operate.broker_access.AskPassword": where,
            "operate.broker_access.KeepApart": where | {"city": list(city_users)},
        }
    asyncio.run(_serve(host, port, plugins, stop))


async def _serve(host: str, port: int, plugins: dict[str, Any], stop: threading.Event) -> None:
    config = BrokerConfig(listeners={"default": ListenerConfig(bind=f"{host}:{port}")}, plugins=plugins)
    broker = Broker(config)
    await broker.start()
    log.info("broker_open", host=host, port=port)
    while not stop.is_set():
        await asyncio.sleep(0.2)
    await broker.shutdown()


def check_free(host: str, port: int, *, setting: str) -> None:
    """Raise ``CannotListen`` naming ``setting`` when the address can't be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            what = "is already in use" if error.errno == errno.EADDRINUSE else f"can't be opened ({error.strerror})"
            raise CannotListen(
                f"port {port} on {host} {what}: stop the other program or set {setting} to a free one"
            ) from error
