"""The uplink over TLS, with a certificate authority of the test's own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.senml import Reading
from gateway.settings import BrokerSettings, CabinetIdentity, CabinetSettings, SpoolSettings
from gateway.spool import Spool
from gateway.uplink import Uplink
from tests.authority import Authority
from tests.mosquitto import Mosquitto, free_port
from tests.toy_city import ToyCity

pytestmark = pytest.mark.network


def wait_until(happened: Callable[[], bool], *, within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        threading.Event().wait(0.01)


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """A folder with ca.pem, and certificates with keys for the broker (localhost) and for a cabinet."""
    made = Authority(tmp_path / "ca")
    made.issue("broker", "localhost")
    made.issue("cabinet", "c1")
    return made.folder


def test_packs_travel_over_tls_with_a_client_certificate_and_without_one_do_not(authority: Path, tmp_path: Path):
    port = free_port()
    # "user root": started by root, Mosquitto would read the keys as another user; started by others it is ignored.
    listener = (
        f"user root\nlistener {port} 127.0.0.1\ncafile {authority}/ca.pem\ncertfile {authority}/broker.pem\n"
        f"keyfile {authority}/broker.key\nrequire_certificate true\n"
    )
    secure = BrokerSettings(
        host="localhost",
        port=port,
        tls_ca=f"{authority}/ca.pem",
        tls_cert=f"{authority}/cabinet.pem",
        tls_key=f"{authority}/cabinet.key",
    )
    anonymous = BrokerSettings(host="localhost", port=port, tls_ca=f"{authority}/ca.pem")
    with (
        Mosquitto(tmp_path, extra=listener) as broker,
        ToyCity(broker.host, broker.port) as city,
        Spool(SpoolSettings(path=str(tmp_path / "spool.db"))) as spool,
    ):
        spool.put({"urgent": [Reading(serial="CV-1", point="n", unit="1", measured_ms=1763772000000, value=1)]})
        with capture_logs() as logs:
            send(anonymous, spool, until=lambda: any(line["event"] == "uplink_down" for line in logs))
        assert not any(line["event"] == "uplink_up" for line in logs)
        assert spool.status().packs == 1
        send(secure, spool, until=lambda: city.values["urgent"] == [1.0])


def send(broker: BrokerSettings, spool: Spool, *, until: Callable[[], bool]) -> None:
    settings = CabinetSettings(cabinet=CabinetIdentity(id="c1"), broker=broker)
    uplink = Uplink(settings=settings, spool=spool)
    stop = threading.Event()
    thread = threading.Thread(target=uplink.run, args=(stop,))
    thread.start()
    try:
        wait_until(until)
    finally:
        stop.set()
        uplink.wake()
        thread.join(60)
        assert not thread.is_alive()
