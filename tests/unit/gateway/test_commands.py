"""Commands are done at most once, refused when late, and told until the city knows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.commands import Command, CommandDesk, Refused

NOW_S = 1_900_000_000.0


class Cabinet:
    """A desk whose only command, ``ring``, is counted."""

    def __init__(self, folder: Path, *, now_s: float = NOW_S) -> None:
        self.rung = 0
        self.now_s = now_s
        self.later: list[str] = []
        actions = {"ring": self.ring, "slowly": self.slowly, "never": self.never}
        self.desk = CommandDesk(folder / "commands.json", actions, clock=lambda: self.now_s)

    def ring(self, _command: Command) -> dict[str, object]:
        self.rung += 1
        return {"rung": self.rung}

    def slowly(self, command: Command) -> None:
        self.later.append(command.id)

    def never(self, _command: Command) -> None:
        raise Refused("out of order")

    def told(self) -> list[dict[str, object]]:
        return [json.loads(reply) for reply in self.desk.replies()]

    def hear(self, kind: str, *, command_id: str = "a1", expires_at: float = NOW_S + 60) -> None:
        body = {"id": command_id, "kind": kind, "expires_at": expires_at, "arguments": {}}
        self.desk.hear(json.dumps(body).encode())


def test_a_command_is_done_once_however_often_it_comes(tmp_path):
    cabinet = Cabinet(tmp_path)
    for _ in range(3):
        cabinet.hear("ring")
        assert cabinet.told() == [{"id": "a1", "outcome": "done", "at": NOW_S, "result": {"rung": 1}}]
    assert cabinet.rung == 1


def test_a_command_that_was_done_before_a_restart_is_not_done_again_and_its_reply_is_the_same(tmp_path):
    Cabinet(tmp_path).hear("ring")
    after = Cabinet(tmp_path, now_s=NOW_S + 5)
    after.hear("ring")
    assert after.rung == 0
    assert after.told() == [{"id": "a1", "outcome": "done", "at": NOW_S, "result": {"rung": 1}}]


def test_a_command_cut_off_by_a_restart_is_not_done_again_but_told_as_failed(tmp_path):
    Cabinet(tmp_path).hear("slowly")
    after = Cabinet(tmp_path)
    after.desk.end_what_was_begun()
    after.hear("slowly")
    assert after.later == []
    (told,) = after.told()
    assert told["outcome"] == "failed"
    assert "order it again" in str(told["reason"])


def test_an_expired_command_is_refused_and_nothing_is_done(tmp_path):
    cabinet = Cabinet(tmp_path)
    cabinet.hear("ring", expires_at=NOW_S - 1)
    (told,) = cabinet.told()
    assert (told["outcome"], cabinet.rung) == ("refused", 0)
    assert "expired" in str(told["reason"])


def test_a_cabinet_whose_clock_was_never_set_waits_with_commands_until_it_is(tmp_path):
    cabinet = Cabinet(tmp_path, now_s=12.0)
    cabinet.hear("ring")
    assert (cabinet.told(), cabinet.rung) == ([], 0)
    cabinet.now_s = NOW_S
    cabinet.hear("ring")
    assert cabinet.rung == 1


@pytest.mark.parametrize(("kind", "reason"), [("never", "out of order"), ("dance", "newer program")])
def test_what_can_not_be_done_is_refused_with_the_reason(tmp_path, kind, reason):
    cabinet = Cabinet(tmp_path)
    cabinet.hear(kind)
    (told,) = cabinet.told()
    assert told["outcome"] == "refused"
    assert reason in str(told["reason"])


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"id": 1, "kind": "ring"}', b"\xff\xfe", b" " * 300_000])
def test_what_is_no_command_changes_nothing(tmp_path, body):
    cabinet = Cabinet(tmp_path)
    assert cabinet.desk.hear(body) is None
    assert cabinet.told() == []


def test_a_reply_that_may_have_been_lost_is_told_again_on_a_new_connection(tmp_path):
    cabinet = Cabinet(tmp_path)
    cabinet.hear("ring")
    first = cabinet.told()
    assert cabinet.told() == []
    cabinet.desk.tell_again()
    assert cabinet.told() == first


def test_ids_are_forgotten_only_long_after_the_command_has_expired(tmp_path):
    cabinet = Cabinet(tmp_path)
    cabinet.hear("ring", command_id="old", expires_at=NOW_S + 60)
    cabinet.now_s = NOW_S + 3 * 86_400
    cabinet.hear("ring", command_id="new", expires_at=cabinet.now_s + 60)
    kept = json.loads((tmp_path / "commands.json").read_bytes())["commands"]
    assert list(kept) == ["new"]
    cabinet.hear("ring", command_id="old", expires_at=NOW_S + 60)
    assert cabinet.rung == 2


def test_a_command_is_not_done_while_its_id_can_not_be_kept_and_is_done_when_it_can(tmp_path):
    in_the_way = tmp_path / ".commands.json.new"
    in_the_way.mkdir()
    cabinet = Cabinet(tmp_path)
    cabinet.hear("ring")
    assert (cabinet.rung, cabinet.told()) == (0, [])
    in_the_way.rmdir()
    cabinet.hear("ring")
    assert cabinet.rung == 1


def test_a_damaged_file_of_ids_is_set_aside(tmp_path):
    (tmp_path / "commands.json").write_bytes(b"{damaged")
    cabinet = Cabinet(tmp_path)
    cabinet.hear("ring")
    assert cabinet.rung == 1
    assert (tmp_path / "commands.damaged").read_bytes() == b"{damaged"
