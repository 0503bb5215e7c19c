import { describe, expect, it } from "vitest";
import type { AlertBand } from "./answers";
import { RANGES, refreshEvery, stripes, valueRange, withGaps } from "./curve";

function band(from: number, until: number | null, severity = 2): AlertBand {
  return { from, until, severity, rule_key: "cover_tilt", alert_id: from };
}

describe("gaps in a curve", () => {
  it("an even series stays as it is", () => {
    const [times, mean] = withGaps([[0, 10, 20], [1, 2, 3], [1, 2, 3], [1, 2, 3]]);
    expect(times).toEqual([0, 10, 20]);
    expect(mean).toEqual([1, 2, 3]);
  });

  it("a silence breaks the line in its middle", () => {
    const [times, mean, least, greatest] = withGaps([
      [0, 10, 20, 100, 110],
      [1, 2, 3, 4, 5],
      [0, 1, 2, 3, 4],
      [2, 3, 4, 5, 6],
    ]);
    expect(times).toEqual([0, 10, 20, 60, 100, 110]);
    expect(mean[3]).toBeNull();
    expect(least[3]).toBeNull();
    expect(greatest[3]).toBeNull();
  });

  it("a device that speaks unevenly has an unbroken line", () => {
    const times = [0, 2, 4, 24, 26, 50, 52, 54, 80, 100];
    expect(withGaps([times, times, times, times])[0]).toEqual(times);
  });

  it("one reading, or none, is no gap", () => {
    expect(withGaps([[5], [1], [1], [1]])[0]).toEqual([5]);
    expect(withGaps([[], [], [], []])[0]).toEqual([]);
  });
});

describe("the value axis", () => {
  it("leaves a tenth of room", () => {
    expect(valueRange(0, 100, 0)).toEqual([-10, 110]);
  });

  it("does not blow noise up to a mountain", () => {
    const [low, high] = valueRange(1.19, 1.21, 2);
    expect(high - low).toBeCloseTo(0.2);
    expect((high + low) / 2).toBeCloseTo(1.2);
  });
});

describe("alert bands", () => {
  it("one that still fires goes on to the end of the chart", () => {
    expect(stripes([band(50, null)], 0, 100)).toEqual([{ from: 50, until: 100, severity: 2 }]);
  });

  it("are cut to the chart, and left out beyond it", () => {
    expect(stripes([band(-50, 20), band(120, 140), band(-90, -10)], 0, 100)).toEqual([
      { from: 0, until: 20, severity: 2 },
    ]);
  });

  it("are painted gravest last, so that nothing covers a critical one", () => {
    expect(stripes([band(0, 50, 3), band(10, 60, 1)], 0, 100).map((each) => each.severity)).toEqual([1, 3]);
  });
});

describe("ranges", () => {
  it("short ones are fetched often, long ones seldom", () => {
    expect(refreshEvery(RANGES["1h"] ?? 0)).toBe(5_000);
    expect(refreshEvery(RANGES["7d"] ?? 0)).toBe(60_000);
  });
});
