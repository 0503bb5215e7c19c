import { describe, expect, it } from "vitest";
import type { Position } from "../geometry";
import { readPointed, readShown, writeShown } from "./address";
import { asking, type CatalogueLayer, liesRightly, spread, tilesOf } from "./facts";
import { askedShifted, readShifted, SHIFTED_WAYS } from "./grounds";
import { type Counted, firstOf, type InView, ViewCounter } from "./inview";
import { areaM2, distanceM, lengthM, readableArea, readableLength, simplified } from "./measuring";
import { Lacking } from "./missing";
import { offMap, ontoMap, shapesIn } from "./shift";
import { featuresOf, isFresh, readPlaces } from "./mobile";
import { casesOf } from "./style";
import { kindWord, type TileFeature } from "./things";
import { countOf } from "./things_style";

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

  it("keeps the kind of the heat and what moves", () => {
    const shown = { center: [120.61, 31.31] as Position, zoom: 15.25, areas: "auto", heat: 365, heatKind: "cover_missing", mobile: true, layers: [] };
    expect(writeShown(shown)).toBe("#map=15.25/31.310000/120.610000&areas=auto&heat=365&kind=cover_missing&mobile=1");
    expect(readShown(writeShown(shown))).toEqual(shown);
    expect(writeShown({ ...shown, heat: 0, mobile: false })).toBe("#map=15.25/31.310000/120.610000&areas=auto");
  });

  it("keeps which things are shown, and that the base map is not", () => {
    const shown = { center: [120.61, 31.31] as Position, zoom: 15.25, base: false, families: ["light"], severity: 2, layers: [] };
    expect(writeShown(shown)).toBe("#map=15.25/31.310000/120.610000&base=0&families=light&severity=2");
    expect(readShown(writeShown(shown))).toEqual(shown);
    expect(readShown(writeShown({ ...shown, families: [] }))?.families).toEqual([]);
    expect(readShown("#map=5/31/120&severity=9&base=no&families=a%20b,cover")).toEqual({ center: [120, 31], zoom: 5, families: ["cover"], layers: [] });
  });

  it("says that no areas were outlined", () => {
    expect(readShown(writeShown({ center: [120.61, 31.31], zoom: 15, areas: "" }))?.areas).toBe("");
  });

  it.each(["", "#", "#map=", "#map=99/0/0", "#map=5/91/0", "#map=5/a/b", "#asset=1,2,3"])("is none in %j", (hash) => {
    expect(readShown(hash)).toBeUndefined();
  });

  it("takes no keys that could be something else", () => {
    expect(readShown("#map=5/31/120&layers=a,<b>,c&areas=../x&heat=-4&kind=a%20b&mobile=yes")).toEqual({ center: [120, 31], zoom: 5, layers: ["a", "c"] });
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

describe("addresses with sub-domains", () => {
  it("are all of them, and the one where nothing is open", () => {
    expect(spread("https://t{s}.example/{z}?n={s}", ["0", "1"])).toEqual(["https://t0.example/{z}?n=0", "https://t1.example/{z}?n=1"]);
    expect(spread("/map/base/{z}/{x}/{y}", [])).toEqual(["/map/base/{z}/{x}/{y}"]);
  });
});

describe("layers on a shifted base map", () => {
  const layer = (more: Partial<CatalogueLayer>): CatalogueLayer => ({ key: "pipes", kind: "wmts", name: "", ...more });

  it("lie rightly when their tiles are in its system, and always when they are shapes", () => {
    expect(liesRightly(layer({}), "wgs84")).toBe(true);
    expect(liesRightly(layer({}), "gcj02")).toBe(false);
    expect(liesRightly(layer({ kind: "pmtiles", crs: "wgs84" }), "gcj02")).toBe(false);
    expect(liesRightly(layer({ crs: "gcj02" }), "gcj02")).toBe(true);
    expect(liesRightly(layer({ crs: "gcj02" }), "wgs84")).toBe(false);
    expect(liesRightly(layer({ kind: "geojson" }), "gcj02")).toBe(true);
  });

  it("are asked of another server as they are, and shifted on their way", () => {
    const address = "https://host.example/pipes+drains.geojson?a=1";
    expect(askedShifted(address, "wgs84", "wgs84")).toBe(address);
    const asked = askedShifted(address, "wgs84", "gcj02");
    expect(readShifted(asked)).toEqual({ address, from: "wgs84", to: "gcj02" });
    expect(SHIFTED_WAYS).toContain(asked.split("://")[0]);
  });

  it("have every position of theirs where the base map has it, heights and all else as they were", () => {
    const at: Position = [116.42079, 39.90105];
    const there = ontoMap(at, "gcj02");
    const shapes = {
      type: "FeatureCollection",
      features: [
        { type: "Feature", properties: { coordinates: [1, 2] }, geometry: { type: "Polygon", coordinates: [[[...at, 7], at]] } },
        { type: "Feature", geometry: { type: "GeometryCollection", geometries: [{ type: "Point", coordinates: at }] } },
        { type: "Feature", geometry: null },
      ],
    };
    expect(shapesIn(shapes, "wgs84", "gcj02")).toEqual({
      type: "FeatureCollection",
      features: [
        { type: "Feature", properties: { coordinates: [1, 2] }, geometry: { type: "Polygon", coordinates: [[[...there, 7], there]] } },
        { type: "Feature", geometry: { type: "GeometryCollection", geometries: [{ type: "Point", coordinates: there }] } },
        { type: "Feature", geometry: null },
      ],
    });
    expect(shapesIn(shapes, "gcj02", "gcj02")).toBe(shapes);
  });
});

describe("what did not come", () => {
  it("is lacking until it comes, tile by tile", () => {
    const lacking = new Lacking();
    lacking.failed("assets", "1");
    lacking.failed("assets", "2");
    lacking.came("assets", "1");
    lacking.came("areas", "1");
    expect(lacking.sources).toEqual(["assets"]);
    lacking.came("assets", "2");
    expect(lacking.sources).toEqual([]);
    expect(lacking.groundAway).toBe(false);
  });

  it("is the whole base map when several of its tiles in a row fail, until one comes", () => {
    const lacking = new Lacking();
    lacking.came("base-0", "0");
    for (const tile of ["1", "2"]) lacking.failed("base-0", tile);
    expect(lacking.groundAway).toBe(false);
    lacking.failed("base-1", "1");
    expect(lacking.groundAway).toBe(true);
    lacking.clear(); // asked for again
    expect([lacking.sources, lacking.groundAway]).toEqual([[], true]);
    lacking.came("base-0", "1");
    expect(lacking.groundAway).toBe(false);
  });

  it("is the whole base map when nothing of it came in time", () => {
    const silent = new Lacking();
    silent.waited();
    expect(silent.groundAway).toBe(true);
    const slow = new Lacking();
    slow.came("base", "1");
    slow.waited();
    expect(slow.groundAway).toBe(false);
  });
});

describe("what is in view", () => {
  const thing = (id: number, at: Position, more: Record<string, unknown> = {}): TileFeature => ({
    properties: { id, f: "cover", c: "0101", st: "intact", s: 0, n: `cover ${id}`, r: "", ...more },
    geometry: { type: "Point", coordinates: at },
  });
  const everything = (): boolean => true;
  const countInView = (loaded: Partial<Record<Counted, readonly TileFeature[]>>, inside: (at: Position) => boolean, families: readonly string[]): InView => {
    const counter = new ViewCounter(inside, families);
    for (const [layer, features] of Object.entries(loaded)) {
      // in pieces, as the map does it
      for (const feature of features) counter.add(layer as Counted, [feature]);
    }
    return counter.result();
  };
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

  it("is only what is wrong so severely, where that is asked for", () => {
    const counter = new ViewCounter(everything, all, 2);
    counter.add("clusters", [{ properties: { n: 30, n_cover: 30 }, geometry: { type: "Point", coordinates: [1, 1] } }]);
    counter.add("assets", [thing(1, [1, 1])]);
    counter.add("wrong", [thing(3, [1, 1], { s: 1 }), thing(4, [1, 1], { s: 3 }), thing(5, [1, 1], { s: 2 })]);
    const view = counter.result();
    expect([view.total, view.wrong, view.worst.map((asset) => asset.id), view.calm]).toEqual([2, [0, 1, 1], [4, 5], []]);
  });

  it("says how severe what a tile had no room for may be", () => {
    const cut = (severity: number): TileFeature => ({ properties: { s: severity }, geometry: { type: "Point", coordinates: [9, 9] } });
    expect(countInView({ wrong: [thing(3, [1, 1], { s: 3 })], cut: [cut(1), cut(2)] }, ([x]) => x < 5, all).cut).toBe(2);
    expect(countInView({ wrong: [thing(3, [1, 1], { s: 3 })] }, everything, all).cut).toBe(0);
  });

  it("counts everything, and lists no more than can be read", () => {
    const assets = Array.from({ length: 5_000 }, (_, index) => thing(index + 1, [1, 1], { r: `road ${index % 7}` }));
    const view = countInView({ assets, wrong: [thing(9, [1, 1], { s: 2 })] }, everything, all);
    expect(view.total).toBe(5_000);
    expect(view.calm).toHaveLength(59);
    expect(new Set(view.calm.map((asset) => asset.road))).toEqual(new Set(["road 0"]));
  });

  it("finds the first of many in their order", () => {
    const many = Array.from({ length: 500 }, (_, index) => (index * 7_919) % 1_009);
    const inOrder = (one: number, other: number): number => one - other;
    expect(firstOf(many, 20, inOrder)).toEqual([...many].sort(inOrder).slice(0, 20));
    expect(firstOf(many, 0, inOrder)).toEqual([]);
  });

  it("tells two cases at places without an asset apart", () => {
    const wrong = [thing(0, [1, 1], { s: 2, k: 7 }), thing(0, [1, 1], { s: 2, k: 8 })];
    expect(countInView({ clusters: [], assets: [], wrong }, everything, all).worst).toHaveLength(2);
  });
});

describe("the kind of a case", () => {
  it("is called as the page calls it, and nothing where it has no word", () => {
    const t = (key: string): string => ({ "kind.cover_missing": "井盖缺失" })[key] ?? key;
    expect([kindWord("cover_missing", t), kindWord("", t), kindWord("of_old", t)]).toEqual(["井盖缺失", "", ""]);
  });
});

describe("counts in clusters", () => {
  it("come from the families only where one is left out", () => {
    expect(countOf(["cover", "light"], ["cover", "light"])).toEqual(["to-number", ["get", "n"], 0]);
    expect(countOf(["light"], ["cover", "light"])).toEqual(["+", 0, ["to-number", ["get", "n_light"], 0]]);
    expect(countOf([], ["cover"])).toEqual(["+", 0]);
  });
});

describe("the heat", () => {
  it("is asked for by days, and by kind where one is chosen", () => {
    expect(casesOf("/map/cases/{z}/{x}/{y}.mvt", { heat: 90, heatKind: "" })).toBe("/map/cases/{z}/{x}/{y}.mvt?days=90");
    expect(casesOf("/c/{z}", { heat: 365, heatKind: "cover_missing" })).toBe("/c/{z}?days=365&kind=cover_missing");
  });
});

describe("what moves", () => {
  const now = Date.parse("2026-03-02T04:00:00Z");
  const t = (key: string, values: Readonly<Record<string, string | number>> = {}): string => [key, ...Object.values(values)].join(" ");
  const places = readPlaces(
    {
      within_s: 600,
      features: [
        { geometry: { coordinates: [120.6, 31.3] }, properties: { kind: "vehicle", id: 7, name: "一车", number: "苏E1", unit: null, age_s: 60, speed_kmh: null } },
        { geometry: { coordinates: [120.7, 31.3] }, properties: { kind: "handset" } },
      ],
    },
    now,
  );

  it("is where it last said to be, for as long as that is to be gone by", () => {
    const [car] = places.resources;
    expect(car).toMatchObject({ id: 7, unit: "", speedKmh: undefined, toldAt: now - 60_000 });
    expect(car !== undefined && isFresh(car, places, now + 539_000)).toBe(true);
    expect(car !== undefined && isFresh(car, places, now + 540_000)).toBe(false);
  });

  it("grows old on the map although nobody answers any more", () => {
    const drawn = (nowMs: number): unknown => featuresOf(places, "wgs84", nowMs, t).map((each) => (each as { properties: unknown }).properties);
    expect(drawn(now)).toEqual([
      { id: 7, kind: "vehicle", on: 1, label: "一车\ntime.min_ago 1" },
      { id: 0, kind: "handset", on: 1, label: "\ntime.just_now" },
    ]);
    expect(drawn(now + 560_000)).toMatchObject([{ on: 0, label: "一车\ntime.min_ago 10" }, { on: 1 }]);
  });

  it("has no words where signs are enough, and lies where the base map has it", () => {
    const [car] = featuresOf(places, "gcj02", now) as { properties: { label: string }; geometry: { coordinates: Position } }[];
    expect(car?.properties.label).toBe("");
    expect(car?.geometry.coordinates).toEqual(ontoMap([120.6, 31.3], "gcj02"));
  });
});
