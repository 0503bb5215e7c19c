"""The cabinet's passwords: whichever of them the broker knows, one of the next attempts gets in."""

from __future__ import annotations

import itertools
import shutil
import stat
import subprocess

import pytest

from gateway.credentials import Credentials, password_hash
from gateway.settings import BrokerSettings

BROKER = BrokerSettings(host="b", username="from-file", password="in-file")


def attempts(credentials: Credentials, known: str, most: int = 8) -> int:
    """How many connections it takes until the broker, which knows the password ``known``, lets us in."""
    for number in range(1, most + 1):
        if credentials.of(BROKER).password == known:
            credentials.accepted()
            return number
        credentials.refused()
    raise AssertionError("locked out")


def test_without_a_file_the_settings_are_used(tmp_path):
    assert Credentials(tmp_path / "c.json").of(BROKER) == BROKER


def test_what_was_enrolled_with_is_used_and_only_its_owner_can_read_it(tmp_path):
    Credentials(tmp_path / "remote" / "c.json").keep_first("c1", "secret")
    used = Credentials(tmp_path / "remote" / "c.json").of(BROKER)
    assert (used.username, used.password, used.host) == ("c1", "secret", "b")
    assert stat.S_IMODE((tmp_path / "remote" / "c.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "remote").stat().st_mode) == 0o700


def test_during_a_rotation_the_cabinet_gets_in_whichever_password_the_broker_knows(tmp_path):
    path = tmp_path / "c.json"
    Credentials(path).keep_first("c1", "first")
    credentials = Credentials(path)
    credentials.make_next("c1")
    fresh = credentials.of(BROKER).password
    assert fresh != "first"
    for known in ("first", fresh):
        assert attempts(Credentials(path), known) <= 2


def test_the_password_before_is_forgotten_once_the_next_one_was_accepted_and_not_earlier(tmp_path):
    path = tmp_path / "c.json"
    credentials = Credentials(path)
    credentials.keep_first("c1", "first")
    credentials.make_next("c1")
    attempts(credentials, "first")
    fresh = Credentials(path).of(BROKER).password
    assert attempts(Credentials(path), fresh) == 1
    with pytest.raises(AssertionError, match="locked out"):
        attempts(Credentials(path), "first")


def test_two_rotations_in_flight_lock_nobody_out(tmp_path):
    path = tmp_path / "c.json"
    credentials = Credentials(path)
    credentials.keep_first("c1", "first")
    made = []
    for _ in range(2):
        credentials.make_next("c1")
        made.append(credentials.of(BROKER).password)
    # the broker learns of them one after the other, or of the last one only
    assert attempts(Credentials(path), "first") <= 3
    assert attempts(Credentials(path), made[0]) <= 3
    assert attempts(Credentials(path), made[1]) <= 3


def test_the_password_of_the_settings_is_kept_through_its_first_rotation(tmp_path):
    credentials = Credentials(tmp_path / "c.json")
    credentials.make_next("c1", before="in-file")
    assert attempts(credentials, "in-file") == 2


def test_every_hash_has_a_salt_of_its_own():
    assert len({password_hash("same") for _ in range(20)}) == 20


@pytest.mark.skipif(shutil.which("mosquitto_passwd") is None, reason="needs mosquitto_passwd")
def test_the_hash_has_the_form_that_mosquitto_writes(tmp_path):
    file = tmp_path / "passwords"
    file.write_text("")
    file.chmod(0o600)
    subprocess.run(["mosquitto_passwd", "-b", str(file), "c1", "word"], check=True, capture_output=True)
    theirs, ours = file.read_text().strip().removeprefix("c1:"), password_hash("word")
    for left, right in itertools.zip_longest(theirs.split("$"), ours.split("$")):
        assert len(left) == len(right)
