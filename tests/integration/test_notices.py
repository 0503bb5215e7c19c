"""Notices against real receivers: retried, never twice for one step, nothing lost, the all-clear to those who heard."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from registry.services.notice_planning import plan_notices
from registry.services.notice_post import NoticePost
from registry.services.notice_sending import Tally, keep_firing, send_due, settle
from registry.storage.database import open_database, reading, writing
from registry.storage.tables import channel
from tests.city import build_city
from tests.notices import PLACE, Told
from tests.polling import wait_until
from tests.receivers import Alertmanager, http_server, mail_server

pytestmark = pytest.mark.network

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def told(filled_sqlite_url: str) -> Iterator[Told]:
    engine = open_database(filled_sqlite_url)
    yield Told(build_city(engine, NOON), NOON)
    engine.dispose()


@pytest.fixture
def postgres_told(filled_postgres_url: str) -> Iterator[Told]:
    engine = open_database(filled_postgres_url)
    yield Told(build_city(engine, NOON), NOON)
    engine.dispose()


def plan(told: Told, at: datetime = NOON) -> None:
    plan_notices(told.engine, place=PLACE, now=at)


def send(told: Told, channel_id: int, at: datetime = NOON) -> Tally:
    return send_due(told.engine, channel_id, place=PLACE, clock=lambda: at)


def listen(told: Told, way: str, kind: str = "apprise", **columns: object) -> int:
    """A channel with one contact that one route tells."""
    channel_id = told.add_channel(way, kind)
    contact_id = told.add_contact(channel_id, **({"address": "duty@example.cn"} | columns))
    told.add_route({"after_s": 0, "contacts": [contact_id]})
    return channel_id


def the_channel(told: Told, channel_id: int):
    with reading(told.engine) as tx:
        return tx.execute(select(channel).where(channel.c.id == channel_id)).one()


@pytest.mark.parametrize("records", ["told", "postgres_told"])
def test_an_alarm_and_its_all_clear_arrive_by_mail_once_each(records: str, request: pytest.FixtureRequest):
    told: Told = request.getfixturevalue(records)
    with mail_server() as box:
        channel_id = listen(told, box.address)
        alert_id = told.fire()
        plan(told)
        assert send(told, channel_id) == Tally(sent=1)
        assert send(told, channel_id) == Tally()
        told.clear(alert_id, NOON + timedelta(minutes=5))
        plan(told, NOON + timedelta(minutes=5))
        assert send(told, channel_id, NOON + timedelta(minutes=5)) == Tally(sent=1)
    alarm, over = box.letters
    assert alarm["To"] == "duty@example.cn"
    assert alarm["Subject"] == "【一般】井盖倾斜：上水井盖 1（中山路）"
    assert "限值 15°" in alarm.get_content()
    assert over["Subject"].startswith("【已解除】")
    assert alarm["Message-ID"] != over["Message-ID"]
    assert [row.state for row in told.notices()] == ["sent", "sent"]


def test_nothing_is_lost_while_the_mail_server_is_away_for_an_hour_and_each_comes_once(told: Told):
    with mail_server() as away:
        pass
    channel_id = listen(told, away.address)
    first = told.fire()
    plan(told)
    at, tries = NOON, 0
    while at < NOON + timedelta(hours=1):
        tries += send(told, channel_id, at).failed
        if at == NOON + timedelta(minutes=20):
            told.fire(at, point_id=told.city.point("displacement"), severity=3)
            told.clear(first, at)
            plan(told, at)
        at += timedelta(seconds=10)
    assert 5 <= tries <= 130
    assert the_channel(told, channel_id).failing_since == NOON
    assert "refused" in the_channel(told, channel_id).last_error
    with mail_server(away.port) as box:
        wait = at
        while [row for row in told.notices() if row.state == "waiting"]:
            send(told, channel_id, wait)
            wait += timedelta(seconds=10)
            assert wait < at + timedelta(minutes=3), "with the first that gets through the others follow at once"
    assert sorted(letter["Subject"][:4] for letter in box.letters) == ["【一般】", "【已解除", "【紧急】"]
    assert len({letter["Message-ID"] for letter in box.letters}) == 3
    assert the_channel(told, channel_id).failing_since is None


def test_after_a_day_a_notice_is_given_up_and_says_why_and_there_is_no_all_clear(told: Told):
    channel_id = listen(told, "http://127.0.0.1:9/hook", "webhook")
    alert_id = told.fire()
    plan(told)
    send(told, channel_id)
    told.clear(alert_id, NOON + timedelta(hours=1))
    plan(told, NOON + timedelta(hours=1))
    send(told, channel_id, NOON + timedelta(hours=24))
    send(told, channel_id, NOON + timedelta(hours=24, minutes=2))
    assert [(row.kind, row.state) for row in told.notices()] == [("alarm", "failed"), ("all_clear", "dropped")]
    assert "reached" in told.notices()[0].reason


def test_a_mailbox_that_is_unknown_does_not_hold_up_the_others(told: Told):
    with mail_server() as box:
        box.refuse.add("gone@example.cn")
        channel_id = told.add_channel(box.address)
        steps = [told.add_contact(channel_id, address=each) for each in ("gone@example.cn", "duty@example.cn")]
        told.add_route({"after_s": 0, "contacts": steps})
        told.fire()
        plan(told)
        assert send(told, channel_id) == Tally(sent=1, failed=1)
    assert [letter["To"] for letter in box.letters] == ["duty@example.cn"]
    assert "550" in told.notices()[0].reason
    assert the_channel(told, channel_id).failing_since is None


def test_a_webhook_is_signed_and_carries_the_same_key_at_each_try(told: Told):
    with http_server() as hook:
        channel_id = listen(told, f"{hook.address}#s3cret", "webhook", address="")
        told.fire()
        plan(told)
        hook.status = 503
        assert send(told, channel_id) == Tally(failed=1)
        hook.status = 204
        assert send(told, channel_id, NOON + timedelta(minutes=1)) == Tally(sent=1)
    first, second = hook.headers
    assert first["Idempotency-Key"] == second["Idempotency-Key"]
    at, _, sealed = second["X-CoverCode-Signature"].partition(",v1=")
    expected = hmac.new(b"s3cret", f"{at[2:]}.".encode() + hook.raw[1], hashlib.sha256).hexdigest()
    assert sealed == expected
    assert (hook.bodies[1]["alert"]["rule"], hook.bodies[1]["severity"]) == ("cover_tilt", "alarm")


def test_apprise_sends_to_what_it_knows_and_a_refusal_is_tried_again(told: Told):
    with http_server() as hook:
        channel_id = listen(told, f"json://127.0.0.1:{hook.port}/robot/send", address="")
        told.fire()
        plan(told)
        hook.status = 500
        assert send(told, channel_id) == Tally(failed=1)
        hook.status = 200
        assert send(told, channel_id, NOON + timedelta(minutes=1)) == Tally(sent=1)
    assert hook.bodies[1]["title"] == "【一般】井盖倾斜：上水井盖 1（中山路）"


def test_no_secret_of_an_address_reaches_the_records_or_the_log(told: Told, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    with http_server() as hook:
        hook.status = 403
        channels = [
            listen(told, f"http://city:pa55word@127.0.0.1:{hook.port}/hooks/T0KENT0KEN#s3cretkey", "webhook"),
            listen(told, f"json://city:pa55word@127.0.0.1:{hook.port}/hooks/T0KENT0KEN"),
            listen(told, "mailto://city:pa55word@127.0.0.1:9?from=city@example.cn&to={to}"),
        ]
        told.fire()
        plan(told)
        for channel_id in channels:
            send(told, channel_id)
    shown = caplog.text + "".join(f"{row.reason}{row.body}" for row in told.notices())
    shown += "".join(the_channel(told, channel_id).last_error for channel_id in channels)
    assert [secret for secret in ("pa55word", "T0KENT0KEN", "s3cretkey") if secret in shown] == []


def test_one_dead_channel_does_not_delay_another(told: Told):
    with http_server() as slow, http_server() as quick:
        slow.hold = threading.Event()
        contacts = [told.add_contact(told.add_channel(each.address, "webhook")) for each in (slow, quick)]
        told.add_route({"after_s": 0, "contacts": contacts})
        told.fire()
        plan(told)
        stop = threading.Event()
        post = NoticePost(told.engine, PLACE, clock=lambda: NOON)
        thread = threading.Thread(target=post.run, args=(stop.is_set,))
        thread.start()
        try:
            wait_until(lambda: [row.state for row in told.notices()] == ["sending", "sent"])
        finally:
            slow.hold.set()
            stop.set()
            thread.join(60)
    assert [row.state for row in told.notices()] == ["sent", "sent"]


_DOOMED = """
import os, signal, sys
from datetime import UTC, datetime
from registry.notices import mail, ways, web
from registry.services import notice_planning, notice_sending
from registry.storage.database import open_database
from tests.notices import PLACE
url, channel_id, where = sys.argv[1], int(sys.argv[2]), sys.argv[3]
now = datetime.fromtimestamp(float(sys.argv[4]), UTC)
engine = open_database(url)

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

if where == "plan":
    notice_planning.write_digests = die
    notice_planning.plan_notices(engine, place=PLACE, now=now)
sends = ways.send
def send(kind, address, notice, handing_over, *, now):
    if where == "before":
        sends(kind, address, notice, die, now=now)
    sends(kind, address, notice, handing_over, now=now)
    die()
ways.send = send
notice_sending.send_due(engine, channel_id, place=PLACE, clock=lambda: now)
"""


def killed(told: Told, channel_id: int, where: str) -> None:
    """A process that dies (-9): in the transaction that plans, just before a message leaves it, or just after."""
    command = [sys.executable, "-c", _DOOMED, str(told.engine.url), str(channel_id), where, str(NOON.timestamp())]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=120, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


def test_a_planner_killed_between_alert_and_notice_leaves_neither_and_the_next_plans_one(told: Told):
    channel_id = listen(told, "json://127.0.0.1:9")
    told.fire()
    killed(told, channel_id, "plan")
    assert told.notices() == []
    plan(told)
    plan(told)
    assert [row.state for row in told.notices()] == ["waiting"]


def test_a_sender_killed_before_a_message_left_sends_it_afterwards(told: Told):
    with mail_server() as box:
        channel_id = listen(told, box.address)
        told.fire()
        plan(told)
        killed(told, channel_id, "before")
        assert [row.state for row in told.notices()] == ["sending"]
        later = NOON + timedelta(minutes=4)
        assert settle(told.engine, now=NOON + timedelta(minutes=2)) == 0
        assert settle(told.engine, now=later) == 1
        assert send(told, channel_id, later) == Tally(sent=1)
    assert len(box.letters) == 1


def test_a_sender_killed_between_send_and_mark_never_sends_a_mail_twice_and_says_that_it_is_in_doubt(told: Told):
    with mail_server() as box:
        channel_id = listen(told, box.address)
        told.fire()
        plan(told)
        killed(told, channel_id, "after")
        later = NOON + timedelta(minutes=4)
        settle(told.engine, now=later)
        assert send(told, channel_id, later) == Tally()
    assert len(box.letters) == 1
    assert [(row.state, row.reason) for row in told.notices()] == [("failed", "doubtful")]


def test_a_webhook_in_doubt_is_sent_again_under_the_key_it_had(told: Told):
    with http_server() as hook:
        channel_id = listen(told, hook.address, "webhook")
        told.fire()
        plan(told)
        killed(told, channel_id, "after")
        later = NOON + timedelta(minutes=4)
        settle(told.engine, now=later)
        assert send(told, channel_id, later) == Tally(sent=1)
    assert len({each["Idempotency-Key"] for each in hook.headers}) == 1
    assert [row.state for row in told.notices()] == ["sent"]


def test_an_alertmanager_shows_our_alert_with_its_labels_until_it_is_over(told: Told, tmp_path: Path):
    now = datetime.now(UTC)
    with Alertmanager(tmp_path) as manager:
        channel_id = listen(told, manager.address, "alertmanager", address="")
        alert_id = told.fire(now)
        plan(told, now)
        assert send(told, channel_id, now) == Tally(sent=1)
        wait_until(lambda: bool(manager.alerts()))
        (shown,) = manager.alerts()
        assert shown["labels"]["alertname"] == "cover_tilt"
        assert {"severity": "alarm", "point": "tilt_z", "device": "CV-000001", "road": "中山路"}.items() <= shown[
            "labels"
        ].items()
        assert shown["annotations"]["summary"].startswith("【一般】")
        assert shown["generatorURL"] == f"http://city.example/alerts/{alert_id}"

        told.change(alert_id, severity=3)
        told.event(alert_id, "step_up", now, severity=3)
        plan(told, now)
        send(told, channel_id, now)
        wait_until(lambda: [each["labels"]["severity"] for each in manager.alerts()] == ["critical"])
        before = manager.alerts()[0]["endsAt"]
        assert keep_firing(told.engine, channel_id, place=PLACE, clock=lambda: now + timedelta(minutes=1)) == 1
        wait_until(lambda: manager.alerts()[0]["endsAt"] > before)

        told.clear(alert_id, now)
        plan(told, now)
        assert send(told, channel_id, datetime.now(UTC)) == Tally(sent=1)
        wait_until(lambda: manager.alerts() == [])


def test_an_alertmanager_that_lost_its_memory_is_told_again_what_goes_on(told: Told, tmp_path: Path):
    now = datetime.now(UTC)
    with Alertmanager(tmp_path) as manager:
        channel_id = listen(told, manager.address, "alertmanager", address="")
        told.fire(now)
        plan(told, now)
        with http_server() as lost:  # what was told went elsewhere
            with writing(told.engine) as tx:
                tx.execute(channel.update().values(address=lost.address))
            send(told, channel_id, now)
        with writing(told.engine) as tx:
            tx.execute(channel.update().values(address=manager.address))
        assert manager.alerts() == []
        keep_firing(told.engine, channel_id, place=PLACE, clock=lambda: now)
        wait_until(lambda: len(manager.alerts()) == 1)


def test_a_worker_tells_by_itself(upgraded_sqlite: Path, tmp_path: Path):
    now = datetime.now(UTC)
    config = tmp_path / "covercode.toml"
    config.write_text("[metrics]\nworker_port = 0\n", encoding="utf-8")
    engine = open_database(f"sqlite:///{shutil.copy(upgraded_sqlite, tmp_path / 'covercode.db')}")
    told = Told(build_city(engine, now), now, with_rule=False)
    with mail_server() as box:
        listen(told, box.address)
        told.fire(now)
        command = [sys.executable, str(ROOT / "covercode.py"), "worker", "--config", str(config)]
        worker = subprocess.Popen(command, cwd=tmp_path)
        try:
            wait_until(lambda: [row.state for row in told.notices()] == ["sent"])
        finally:
            worker.terminate()
            worker.wait(60)
    engine.dispose()
    assert [letter["To"] for letter in box.letters] == ["duty@example.cn"]
