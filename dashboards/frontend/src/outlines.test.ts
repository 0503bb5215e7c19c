import { describe, expect, it } from "vitest";
import { type AreaFeature, frameOfAreas, positionsOf } from "./outlines";

describe("outlines of areas", () => {
  it("are framed however deep their positions stand", () => {
    expect(positionsOf([[[1, 2], [3, 4]], [[5, 6]]])).toEqual([[1, 2], [3, 4], [5, 6]]);
    const properties = { id: 1, code: "320508", name: "x", level: "district" };
    const feature: AreaFeature = {
      type: "Feature",
      geometry: { type: "MultiPolygon", coordinates: [[[[120, 31], [121, 30]]], [[[119, 32]]]] },
      properties,
    };
    expect(frameOfAreas([feature])).toEqual({ west: 119, south: 30, east: 121, north: 32 });
    expect(frameOfAreas([])).toBeUndefined();
  });
});
