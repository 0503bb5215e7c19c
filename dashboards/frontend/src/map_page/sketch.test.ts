import { describe, expect, it } from "vitest";
import { ringOfBox, within } from "./sketch";

describe("drawing", () => {
  const map = { left: 360, top: 64, width: 800, height: 600 };

  it("goes on at the edge where the hand leaves the map", () => {
    expect(within(map, 400, 100)).toEqual([40, 36]);
    expect(within(map, 10, 9_000)).toEqual([0, 600]);
    expect(within(map, 9_000, -5)).toEqual([800, 0]);
  });

  it("makes a box of two corners", () => {
    expect(ringOfBox([0, 0], [2, 1])).toEqual([[0, 0], [2, 0], [2, 1], [0, 1]]);
  });
});
