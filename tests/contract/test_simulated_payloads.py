"""The simulator's own encoders against our decoders: written apart from the same layouts, they must mean the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware_sim.payloads import decentlab, dingtek, dragino, elsys, milesight, netvox, rs485, wilsen
from gateway.decoders import Decoded, Rejected, decode
from gateway.device_profiles import load_profiles

PROFILES = load_profiles()
BOUGHT = sorted(set(PROFILES) - {"cc-cover-1", "cc-pole-1"})
THEN = 1_700_000_000


def by_name(outcome: Decoded | Rejected) -> dict[Any, float]:
    return {each.name if each.at_s is None else (each.name, each.at_s): each.value for each in outcome.points}


percent = st.integers(0, 100)
mm = st.integers(1, 20_000)
celsius = st.integers(-400, 800).map(lambda steps: steps / 10)
angle = st.integers(-8900, 8900).map(lambda steps: steps / 100)
volts = st.integers(20, 40).map(lambda steps: steps / 10)
flag = st.booleans()
moment = st.integers(THEN, THEN + 10**8)
counter = st.integers(0, 0xFFFF)
place = st.tuples(st.integers(-179_999, 179_999), st.integers(-89_999, 89_999)).map(lambda p: (p[0] / 1e3, p[1] / 1e3))

Sent = tuple[int, bytes, dict[Any, float]]
"""Port, frame, and what was meant."""


def tilts(name: str) -> st.SearchStrategy[Sent]:
    encode = getattr(milesight, name)

    def sent(angles: list[float], over: list[bool], battery: int) -> Sent:
        meant = {f"tilt_{axis}": value for axis, value in zip("xyz", angles, strict=True)}
        meant |= {f"tilt_alarm_{axis}": float(value) for axis, value in zip("xyz", over, strict=True)}
        return 85, encode(angles, over, battery), meant | {"battery": battery}

    return st.builds(sent, st.lists(angle, min_size=3, max_size=3), st.lists(flag, min_size=3, max_size=3), percent)


SENT: dict[str, st.SearchStrategy[Sent]] = {
    "milesight-em310-tilt": tilts("em310_tilt"),
    "milesight-em320-tilt": tilts("em320_tilt"),
    "milesight-em310-udl": st.builds(
        lambda d, t, b: (
            85,
            milesight.em310_udl(d, tilted=t, battery_pct=b),
            {"distance": d, "tilted": t, "battery": b},
        ),
        mm,
        flag,
        percent,
    ),
    "milesight-em400": st.builds(
        lambda t, d, tilted, b, late, over: (
            85,
            milesight.em400(t, d, tilted=tilted, battery_pct=b) + milesight.em400_alarm(late, is_over=over),
            {"temperature": t, "distance": late, "tilted": tilted, "battery": b, "level_alarm": over},
        ),
        *(celsius, mm, flag, percent, mm, flag),
    ),
    "milesight-em400-nbiot": st.builds(
        lambda t, d, tilted, b, where, csq: (
            0,
            milesight.nbiot(
                milesight.em400(t, d, tilted=tilted, battery_pct=b)
                + milesight.em400_position(where[1], where[0], motion=3, fence=0),
                imei="868000000000011",
                csq=csq,
            ),
            {
                "temperature": t,
                "distance": d,
                "tilted": tilted,
                "battery": b,
                "rssi": -113 + 2 * csq,
                "latitude": where[1],
                "longitude": where[0],
                "moving": 0,
                "outside": 0,
            },
        ),
        *(celsius, mm, flag, percent, place, st.integers(0, 31)),
    ),
    "milesight-em500-swl": st.builds(
        lambda d, b, at, old: (
            85,
            milesight.em500_swl(d, b, [(at, old)]),
            {"water_level": 10 * d, "battery": b, ("water_level", at): 10 * old},
        ),
        *(st.integers(0, 2000), percent, moment, st.integers(0, 2000)),
    ),
    "milesight-em500-udl": st.builds(
        lambda d, b, at, old, change, over: (
            85,
            milesight.em500_udl(d, b, [(at, old)]) + milesight.em500_udl_change(d, change, is_over=over),
            {"distance": d, "battery": b, ("distance", at): old, "distance_change": change, "level_alarm": over},
        ),
        *(mm, percent, moment, mm, mm, flag),
    ),
    "milesight-em410-rdl": st.builds(
        lambda t, d, s, tilted, b, at: (
            85,
            milesight.em410_rdl(t, d, s, tilted=tilted, battery_pct=b) + milesight.em410_rdl_history(at, d, t, -d, 0),
            {
                "temperature": t,
                "distance": d,
                "echo": s,
                "tilted": tilted,
                "battery": b,
                ("distance", at): d,
                ("temperature", at): t,
                ("distance_change", at): -d,
            },
        ),
        *(celsius, mm, angle, flag, percent, moment),
    ),
    "milesight-em300-mcs": st.builds(
        lambda t, h, is_open, b: (
            85,
            milesight.em300_mcs(t, h, is_open=is_open, battery_pct=b),
            {"temperature": t, "humidity": h, "open": is_open, "battery": b},
        ),
        *(celsius, st.integers(0, 200).map(lambda steps: steps / 2), flag, percent),
    ),
    "dingtek-df702": st.builds(
        lambda d, t, tilt, n, full, fire, lean, low, where: (
            3,
            dingtek.df702(
                *(d, t, tilt, n),
                alarms=dingtek.Alarms(full=full, fire=fire, tilt=lean, battery=low),
                place=where,
            ),
            {
                "distance": d,
                "temperature": t,
                "tilt_z": tilt,
                "sample_count": n,
                "level_alarm": full,
                "fire_alarm": fire,
                "tilt_alarm": lean,
                "battery_low": low,
                **({} if where is None else {"longitude": where[0], "latitude": where[1]}),
            },
        ),
        *(mm, st.integers(-40, 80), st.integers(-90, 90), counter, flag, flag, flag, flag, st.none() | place),
    ),
    "dingtek-df555": st.builds(
        lambda d, t, n, full, low, where: (
            3,
            dingtek.df555(d, t, n, alarms=dingtek.Alarms(full=full, battery=low), place=where),
            {
                "distance": d,
                "temperature": t,
                "sample_count": n,
                "level_alarm": full,
                "battery_low": low,
                **({} if where is None else {"longitude": where[0], "latitude": where[1]}),
            },
        ),
        *(mm, st.integers(-40, 80), counter, flag, flag, st.none() | place),
    ),
    "dingtek-df556": st.builds(
        lambda d, v, n, full, low, where: (
            3,
            dingtek.df556(d, v, n, alarms=dingtek.Alarms(full=full, battery=low), place=where),
            {
                "water_level": d,
                "battery_voltage": v,
                "sample_count": n,
                "level_alarm": full,
                "battery_low": low,
                **({} if where is None else {"longitude": where[0], "latitude": where[1]}),
            },
        ),
        *(mm, volts, counter, flag, flag, st.none() | place),
    ),
    **{
        profile: st.builds(
            lambda v, on, low, device=device, point=point: (
                6,
                netvox.switch(device, v, is_on=on, is_low=low),
                {"battery_voltage": v, point: on, "battery_low": low},
            ),
            *(volts, flag, flag),
        )
        for profile, device, point in (
            ("netvox-r311a", netvox.R311A, "contact"),
            ("netvox-r718da", netvox.R718DA, "tilted"),
            ("netvox-r718mba", netvox.R718MBA, "moving"),
        )
    },
    # halves up to 64 need seven bits, which is what this format of float holds; at rest by chance only
    "netvox-r718e": st.builds(
        lambda xyz, t: (
            6,
            netvox.velocity(xyz, t),
            {**{f"velocity_{axis}": value for axis, value in zip("xyz", xyz, strict=True)}, "temperature": t},
        ),
        st.lists(st.integers(-127, 127).map(lambda steps: steps / 2), min_size=3, max_size=3),
        celsius,
    ),
    "wilsen-sonic-level": st.builds(
        lambda d, fill, t, v, where, n: (
            1,
            wilsen.report(d, fill, t, v)
            + wilsen.foreign_block()
            + wilsen.position(where[1], where[0])
            + wilsen.identity("40000012345678", n),
            {
                "distance": d,
                "fill_level": fill,
                "temperature": t,
                "battery_voltage": v,
                "sample_count": n,
                "latitude": where[1],
                "longitude": where[0],
            },
        ),
        *(mm, percent, celsius, volts, place, st.integers(0, 2**32 - 1)),
    ),
    "decentlab-mbx": st.builds(
        lambda d, n, v: (
            1,
            decentlab.mbx(1000, d, n, v),
            {"distance": d, "valid_samples": n, "battery_voltage": v},
        ),
        *(mm, counter, volts),
    ),
    "decentlab-rad": st.builds(
        lambda d, t, r, v: (
            1,
            decentlab.rad(1000, d, t, r, v),
            {"distance": d, "temperature": t, "reliability": r, "battery_voltage": v},
        ),
        *(mm, celsius, angle, volts),
    ),
    "decentlab-pr26": st.builds(
        lambda share, t, v: (
            1,
            decentlab.pr26(1000, share / 1024, t, v),
            {
                "pressure": share / 1.024,
                "water_level": share / 1024 * 10197.2,
                "temperature": t,
                "battery_voltage": v,
            },
        ),
        *(st.integers(0, 1024), st.integers(-300, 800).map(lambda steps: steps / 10), volts),
    ),
    "decentlab-pr36": st.builds(
        lambda share, t, v: (
            1,
            decentlab.pr36(1000, share / 1024, t, v),
            {
                "pressure": share / 1.024,
                "water_level": share / 1024 * 10197.2,
                "temperature": t,
                "battery_voltage": v,
            },
        ),
        *(st.integers(-40, 1024), st.integers(-80, 160).map(lambda steps: steps / 4), volts),
    ),
    "decentlab-ctd10": st.builds(
        lambda d, t, c, f, v: (
            1,
            decentlab.ctd10(1000, d, t, c, v, freezing=f),
            {"water_level": d, "temperature": t, "conductivity": c / 10_000, "freezing": f, "battery_voltage": v},
        ),
        *(st.integers(-100, 10_000), celsius, st.integers(0, 20_000), flag, volts),
    ),
    "decentlab-lpw": st.builds(
        lambda e, v: (1, decentlab.lpw(1000, e, v), {"extension": e, "battery_voltage": v}), percent, volts
    ),
    **{
        f"decentlab-{name}": st.builds(
            lambda words, v: (
                1,
                decentlab.lid(1000, words, v),
                {
                    "distance": words[0],
                    "distance_min": words[1],
                    "distance_max": words[2],
                    "distance_median": words[3],
                    "valid_samples": words[9],
                    "battery_voltage": v,
                },
            ),
            st.lists(st.integers(0, 50_000), min_size=count, max_size=count),
            volts,
        )
        for name, count in (("lid", 11), ("lid2", 12))
    },
    "elsys": st.builds(
        lambda t, contact, v, d, external, wet: (
            5,
            elsys.tilt_report(t, (0.0, 0.0, 1.0), contact=contact, battery_v=v) + elsys.level_report(d, external, wet),
            {
                "temperature": t,
                "acceleration_x": 0,
                "acceleration_y": 0,
                "acceleration_z": 9.80665,
                "tilt_z": 0,
                "contact": contact,
                "battery_voltage": v,
                "distance": d,
                "external_temperature": external,
                "wetness": wet,
            },
        ),
        *(celsius, flag, volts, mm, celsius, st.integers(0, 255)),
    ),
    **{
        profile: st.builds(
            lambda on, n, minutes, at, alarm, state=state: (
                2,
                dragino.event(on, n, minutes, at, alarm=alarm),
                {
                    (state, at): on,
                    (f"{state}_count", at): n,
                    (f"{state}_duration", at): minutes * 60,
                    ("device_alarm", at): alarm,
                },
            ),
            *(flag, st.integers(0, 2**24 - 1), st.integers(0, 2**24 - 1), moment, flag),
        )
        for profile, state in (("dragino-wl03a", "leak"), ("dragino-ds03a", "open"))
    },
    "dragino-ldds75": st.builds(
        lambda d, v, t: (
            2,
            dragino.ldds75(d, v, t),
            {
                "distance": d,
                "battery_voltage": v,
                "device_alarm": 0,
                **({} if t is None else {"external_temperature": t}),
            },
        ),
        *(st.integers(21, 7500), volts, st.none() | celsius),
    ),
    "dragino-lds02": st.builds(
        lambda on, n, minutes, v, alarm: (
            10,
            dragino.lds02_door(on, n, minutes, v, alarm=alarm),
            {
                "open": on,
                "open_count": n,
                "open_duration": minutes * 60,
                "battery_voltage": v,
                "device_alarm": alarm,
            },
        ),
        *(flag, st.integers(0, 2**24 - 1), st.integers(0, 2**24 - 1), volts, flag),
    ),
    "bwsensing-bwm826": st.builds(lambda x, y: (0, rs485.bwm826(x, y), {"tilt_x": x, "tilt_y": y}), angle, angle),
    "wt53r-laser": st.builds(lambda d: (0, rs485.wt53r(d), {"distance": d}), mm),
    "qdy30a": st.builds(
        lambda d: (0, rs485.qdy30a(10 * d, decimals=0), {"water_level": 10 * d}), st.integers(-40, 2000)
    ),
    "level-cm": st.builds(lambda d: (0, rs485.level_cm(d), {"water_level": 10 * d}), st.integers(0, 2000)),
    "tilt-s16": st.builds(lambda x, y: (0, rs485.tilt_s16(x, y), {"tilt_x": x, "tilt_y": y}), angle, angle),
    "tilt-s32": st.builds(lambda x, y: (0, rs485.tilt_s32(x, y), {"tilt_x": x, "tilt_y": y}), angle, angle),
    "witmotion-wt901c": st.builds(
        lambda x, y, t: (
            0,
            rs485.witmotion(x, y, t),
            {
                "tilt_x": x,
                "tilt_y": y,
                "temperature": t,
                "acceleration_x": 0,
                "acceleration_y": 0,
                "acceleration_z": 9.80665,
                "rate_x": 0,
                "rate_y": 0,
                "rate_z": 0,
            },
        ),
        *(angle, angle, celsius),
    ),
}
DERIVED_FROM_ANGLES = {"bwsensing-bwm826", "witmotion-wt901c", "tilt-s16", "tilt-s32"}


def test_the_simulator_speaks_for_every_bought_device():
    assert sorted(SENT) == BOUGHT


@pytest.mark.parametrize("profile", BOUGHT)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_what_the_simulator_sends_arrives_as_it_was_meant(profile, data):
    port, frame, meant = data.draw(SENT[profile])
    outcome = decode(PROFILES[profile], frame, port=port)
    assert isinstance(outcome, Decoded), (outcome, frame.hex(" "))
    got = by_name(outcome)
    if profile in DERIVED_FROM_ANGLES:
        got.pop("tilt_z")
    tolerance = 0.2 if "water_level" in meant and "pressure" in meant else 0.003
    assert got == pytest.approx({name: float(value) for name, value in meant.items()}, abs=tolerance)
    assert [each.name for each in outcome.points if each.suspect] == []


def test_what_the_simulator_says_without_a_measurement_arrives_as_facts():
    join = milesight.join("6791d19604050004", firmware=(1, 0x14), hardware=(3, 1))
    assert decode(PROFILES["milesight-em500-swl"], join, port=85).facts["firmware_version"] == "1.14"
    parameters = dingtek.df702_parameters((1, 7), upload_h=24, detect_min=10, tilt_deg=15)
    assert decode(PROFILES["dingtek-df702"], parameters, port=3).facts["tilt_threshold_deg"] == "15"
    start = netvox.start_up(netvox.R718E, 1.2, 3, "20190328")
    assert decode(PROFILES["netvox-r718e"], start, port=6).facts["date_code"] == "20190328"
    answer = netvox.settings_answer(netvox.R311A, 60, 3600, 0.1)
    assert decode(PROFILES["netvox-r311a"], answer, port=7).facts["max_time_s"] == "3600"
    status = decode(PROFILES["dragino-ds03a"], dragino.status(dragino.DS03A, 3.6), port=5)
    assert (by_name(status), status.facts["band"]) == ({"battery_voltage": 3.6}, "CN470")
    zeroed = decode(PROFILES["bwsensing-bwm826"], rs485.bwm826_zeroed(), port=0)
    assert zeroed.facts["zero"] == "ok"
    alone = decode(PROFILES["decentlab-mbx"], decentlab.battery_only(1000, 3.0), port=1)
    assert by_name(alone) == {"battery_voltage": 3.0}
    shaken = decode(PROFILES["netvox-r718e"], netvox.acceleration(3.5, (20, 0, 0)), port=6)
    assert "tilt_z" not in by_name(shaken)
