from __future__ import annotations

import json

import pytest

from firmware_sim.truth import RESUME_GAP, Answer, Truth, resumed_counts

ANSWER = Answer(at=1763772000.1234567, bus="b1", address=3, serial="CV-000003", n=12, values={"tilt_z": 1.23})


def lines(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def test_answers_doubts_and_events_are_lines_of_their_own_kind(tmp_path):
    path = tmp_path / "deep" / "truth.jsonl"
    with Truth(path) as truth:
        truth.settle(ANSWER, doubtful=False)
        truth.settle(ANSWER, doubtful=True)
        truth.event(at=5.0, kind="storm", targets=("CV-000003",), phase="start", index=2)
    told = {
        "at": 1763772000.123457,
        "bus": "b1",
        "address": 3,
        "serial": "CV-000003",
        "n": 12,
        "values": {"tilt_z": 1.23},
    }
    assert lines(path) == [
        {"answer": told},
        {"in_doubt": told},
        {"event": {"at": 5.0, "kind": "storm", "targets": ["CV-000003"], "phase": "start", "id": 2}},
    ]
    assert (truth.answers, truth.in_doubt) == (1, 1)


def test_what_was_written_reaches_the_file_within_half_a_second(tmp_path):
    path = tmp_path / "truth.jsonl"
    with Truth(path) as truth:
        truth.flush_if_due(10.0)
        truth.settle(ANSWER, doubtful=False)
        truth.flush_if_due(10.1)
        assert lines(path) == []
        truth.flush_if_due(10.5)
        assert len(lines(path)) == 1


def test_an_earlier_run_is_appended_to_and_its_half_line_left_behind(tmp_path):
    path = tmp_path / "truth.jsonl"
    with Truth(path) as truth:
        truth.settle(ANSWER, doubtful=False)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"answer":{"at":17637')
    with Truth(path) as truth:
        truth.settle(ANSWER, doubtful=False)
    good, torn, after = path.read_text(encoding="utf-8").splitlines()
    assert json.loads(good) == json.loads(after)
    assert torn == '{"answer":{"at":17637'


def test_counters_go_on_beyond_anything_an_earlier_run_can_have_used(tmp_path):
    path = tmp_path / "truth.jsonl"
    assert resumed_counts(path) == {}
    with Truth(path) as truth:
        truth.settle(ANSWER, doubtful=True)
        truth.event(at=5.0, kind="storm", targets=(), phase="start", index=0)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"answer":{"at":17637')
    assert resumed_counts(path) == {"CV-000003": 12 + RESUME_GAP}


def test_a_truth_that_is_not_open_says_how_to_open_it(tmp_path):
    with pytest.raises(ValueError, match="with Truth"):
        Truth(tmp_path / "truth.jsonl").settle(ANSWER, doubtful=False)
