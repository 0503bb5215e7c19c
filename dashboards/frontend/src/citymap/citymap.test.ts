import { describe, expect, it } from "vitest";
import type { Position } from "../geometry";
import { readPointed, readShown, writeShown } from "./address";
import { asking, tilesOf } from "./facts";
import { countInView } from "./inview";
import { areaM2, distanceM, lengthM, readableArea, readableLength, simplified } from "./measuring";
import { offMap, ontoMap } from "./shift";
import { countOf } from "./style";
import type { TileFeature } from "./things";

describe("the shift of Chinese base maps", () => {
  // as registry/domain/geo.py answers
  const known: [Position, Position][] = [
    [[116.42079, 39.90105], [116.42702207613664, 39.90244630785103]],
    [[110.4022, 21.2026], [110.4067427687661, 21.200254326971514]],
  ];

  it("is the one that the server applies to tiles", () => {
    for (const [wgs, gcj] of known) {
      const found = ontoMap(wgs, "gcj02");
      expect(found[0]).toBeCloseTo(gcj[0], 9);
      expect(found[1]).toBeCloseTo(gcj[1], 9);
    }
  });

  it("is taken back to within a millimetre", () => {
    for (const [wgs] of known) expect(distanceM(offMap(ontoMap(wgs, "gcj02"), "gcj02"), wgs)).toBeLessThan(0.001);
  });

  it("leaves other countries and unshifted maps alone", () => {
    expect(ontoMap([2.35, 48.85], "gcj02")).toEqual([2.35, 48.85]);
    expect(ontoMap([116.4, 39.9], "wgs84")).toEqual([116.4, 39.9]);
  });
});

describe("the place in the address", () => {
  it("is read as it was written", () => {
    const shown = { center: [120.61, 31.31] as Position, zoom: 15.25, areas: "street", heat: 30, layers: ["pipes", "bus-stops"] };
    expect(writeShown(shown)).toBe("#map=15.25/31.310000/120.610000&areas=street&heat=30&layers=pipes,bus-stops");
    expect(readShown(writeShown(shown))).toEqual(shown);
  });

  it("says that no areas were outlined", () => {
    expect(readShown(writeShown({ center: [120.61, 31.31], zoom: 15, areas: "" }))?.areas).toBe("");
  });

  it.each(["", "#", "#map=", "#map=99/0/0", "#map=5/91/0", "#map=5/a/b", "#asset=1,2,3"])("is none in %j", (hash) => {
    expect(readShown(hash)).toBeUndefined();
  });

  it("takes no keys that could be something else", () => {
    expect(readShown("#map=5/31/120&layers=a,<b>,c&areas=../x&heat=-4")).toEqual({ center: [120, 31], zoom: 5, layers: ["a", "c"] });
  });

  it("points at an asset", () => {
    expect(readPointed("#asset=12,113.3,23.1")).toEqual({ id: 12, at: [113.3, 23.1] });
    expect(readPointed("#asset=x,113.3,23.1")).toBeUndefined();
  });
});

describe("measuring", () => {
  it("knows a degree along a meridian", () => {
    expect(distanceM([120, 30], [120, 31])).toBeCloseTo(111_195, -1);
    expect(lengthM([[120, 30], [120, 31], [120, 30]])).toBeCloseTo(222_390, -1);
    expect(lengthM([[120, 30]])).toBe(0);
  });

  it("knows the area of a small square, whichever way round it is drawn", () => {
    const east = 0.001 / Math.cos((30 * Math.PI) / 180);
    const square: Position[] = [[120, 30], [120 + east, 30], [120 + east, 30.001], [120, 30.001]];
    expect(areaM2(square) / 111.195 ** 2).toBeCloseTo(1, 3);
    expect(areaM2([...square].reverse())).toBeCloseTo(areaM2(square), 6);
    expect(areaM2(square.slice(0, 2))).toBe(0);
  });

  it("changes its unit before a number grows long", () => {
    expect(readableLength(12.34)).toEqual({ value: 12.34, decimals: 1, unit: "m" });
    expect(readableLength(1_500)).toEqual({ value: 1.5, decimals: 2, unit: "km" });
    expect(readableArea(9_999).unit).toBe("m2");
    expect(readableArea(25_000)).toEqual({ value: 2.5, decimals: 2, unit: "ha" });
    expect(readableArea(3_000_000)).toEqual({ value: 3, decimals: 2, unit: "km2" });
  });

  it("keeps the corners of what a finger drew and drops the rest", () => {
    const drawn: Position[] = [[0, 0], [1, 0.01], [2, 0], [2, 1], [2.01, 2], [2, 3]];
    expect(simplified(drawn, 0.1)).toEqual([[0, 0], [2, 0], [2, 3]]);
  });
});

describe("addresses of tiles", () => {
  it("are whole, and ask for the shift where the base map needs it", () => {
    expect(tilesOf("/map/tiles/{z}/{x}/{y}.mvt", "wgs84", "https://city")).toBe("https://city/map/tiles/{z}/{x}/{y}.mvt");
    expect(tilesOf("/t/{z}/{x}/{y}?level=cell", "gcj02", "https://city")).toBe("https://city/t/{z}/{x}/{y}?level=cell&crs=gcj02");
    expect(asking("/a", "level", "a b")).toBe("/a?level=a%20b");
  });
});

describe("what is in view", () => {
  const thing = (id: number, at: Position, more: Record<string, unknown> = {}): TileFeature => ({
    properties: { id, f: "cover", c: "0101", st: "intact", s: 0, n: `cover ${id}`, r: "", ...more },
    geometry: { type: "Point", coordinates: at },
  });
  const everything = (): boolean => true;
  const all = ["cover", "light", "other"];

  it("counts what two tiles repeat once, and nothing outside", () => {
    const assets = [thing(1, [1, 1]), thing(1, [1, 1]), thing(2, [9, 9])];
    const view = countInView({ clusters: [], assets, wrong: [] }, ([x]) => x < 5, all);
    expect(view.total).toBe(1);
    expect(view.calm.map((asset) => asset.id)).toEqual([1]);
  });

  it("adds up clusters of the families that are shown", () => {
    const clusters: TileFeature[] = [{ properties: { n: 30, n_cover: 20, n_light: 10 }, geometry: { type: "Point", coordinates: [1, 1] } }];
    expect(countInView({ clusters, assets: [], wrong: [] }, everything, all).total).toBe(30);
    expect(countInView({ clusters: [...clusters, ...clusters], assets: [], wrong: [] }, everything, ["light"]).total).toBe(10);
  });

  it("puts the worst first and counts each severity", () => {
    const wrong = [thing(3, [1, 1], { s: 1 }), thing(4, [1, 1], { s: 3, k: 9 }), thing(5, [1, 1], { s: 2 })];
    const view = countInView({ clusters: [], assets: [thing(3, [1, 1])], wrong }, everything, all);
    expect(view.worst.map((asset) => asset.id)).toEqual([4, 5, 3]);
    expect(view.worst[0]?.caseId).toBe(9);
    expect(view.wrong).toEqual([1, 1, 1]);
    expect(view.total).toBe(3);
  });

  it("tells two cases at places without an asset apart", () => {
    const wrong = [thing(0, [1, 1], { s: 2, k: 7 }), thing(0, [1, 1], { s: 2, k: 8 })];
    expect(countInView({ clusters: [], assets: [], wrong }, everything, all).worst).toHaveLength(2);
  });
});

describe("counts in clusters", () => {
  it("come from the families only where one is left out", () => {
    expect(countOf(["cover", "light"], ["cover", "light"])).toEqual(["to-number", ["get", "n"], 0]);
    expect(countOf(["light"], ["cover", "light"])).toEqual(["+", 0, ["to-number", ["get", "n_light"], 0]]);
    expect(countOf([], ["cover"])).toEqual(["+", 0]);
  });
});
