import { describe, expect, it } from "vitest";
import { frameOf, graticule, type OnRoad, type Position, stepFor, streets } from "./geometry";

describe("the frame around assets", () => {
  it("holds all of them", () => {
    expect(frameOf([[113.3, 23.1], [113.1, 23.4], [113.2, 23.2]])).toEqual({
      west: 113.1,
      south: 23.1,
      east: 113.3,
      north: 23.4,
    });
  });

  it("is not there without assets", () => {
    expect(frameOf([])).toBeUndefined();
  });
});

describe("the grid", () => {
  const frame = { west: 113.29, south: 23.09, east: 113.33, north: 23.12 };

  it("has round steps and few lines", () => {
    expect(stepFor(frame)).toBe(0.005);
    expect(graticule(frame).length).toBeLessThanOrEqual(20);
  });

  it("runs from edge to edge", () => {
    const [first] = graticule(frame, 0.02);
    expect(first?.[0]?.[0]).toBeCloseTo(113.3);
    expect(first?.map((at) => at[1])).toEqual([23.09, 23.12]);
  });
});

describe("streets drawn from their assets", () => {
  const lamp = (road: string, lon: number, lat: number): OnRoad => ({ road, at: [lon, lat] as Position });

  it("join the assets of one road in their order along it", () => {
    const lines = streets([lamp("a", 113.302, 23.1), lamp("a", 113.3, 23.1), lamp("a", 113.301, 23.1)]);
    const order = lines[0]?.map((at) => at[0]) ?? [];
    expect(lines).toHaveLength(1);
    expect([...order].sort()).toEqual(order[0] === 113.3 ? order : [...order].reverse());
  });

  it("follow a road that runs north as well as one that runs east", () => {
    const lines = streets([lamp("a", 113.3, 23.102), lamp("a", 113.3, 23.1), lamp("a", 113.3, 23.101)]);
    const order = (lines[0] ?? []).map((at) => at[1]);
    expect(Math.abs((order[0] ?? 0) - (order[1] ?? 0))).toBeCloseTo(0.001);
  });

  it("stop where a road has a gap", () => {
    const lines = streets([
      lamp("a", 113.3, 23.1),
      lamp("a", 113.301, 23.1),
      lamp("a", 113.32, 23.1),
      lamp("a", 113.321, 23.1),
    ]);
    expect(lines).toHaveLength(2);
  });

  it("leave out assets without a road and roads with one asset", () => {
    expect(streets([lamp("", 113.3, 23.1), lamp("", 113.301, 23.1), lamp("b", 113.3, 23.1)])).toEqual([]);
  });
});
