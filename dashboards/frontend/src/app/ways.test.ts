import { describe, expect, it } from "vitest";
import { bearing, guideAddress, metres, rounded, wind } from "./ways";

const HERE = { lon: 120.61, lat: 31.31 };

describe("the way to a thing", () => {
  it("is as long as on the ground", () => {
    expect(metres(HERE, { lon: 120.61, lat: 31.32 })).toBeCloseTo(1112, -1);
    expect(metres(HERE, { lon: 120.62, lat: 31.31 })).toBeCloseTo(950, -1);
    expect(metres(HERE, HERE)).toBe(0);
  });
  it("points where the thing is", () => {
    expect(wind(bearing(HERE, { lon: 120.61, lat: 31.32 }))).toBe("n");
    expect(wind(bearing(HERE, { lon: 120.62, lat: 31.31 }))).toBe("e");
    expect(wind(bearing(HERE, { lon: 120.6, lat: 31.3 }))).toBe("sw");
    expect(wind(359)).toBe("n");
  });
  it("is told no more exactly than anybody walks", () => {
    expect(rounded(3)).toEqual({ n: "10", unit: "m" });
    expect(rounded(487)).toEqual({ n: "500", unit: "m" });
    expect(rounded(2340)).toEqual({ n: "2.3", unit: "km" });
    expect(rounded(23_400)).toEqual({ n: "23", unit: "km" });
  });
  it("is asked of the maps that the phone has, where it stands on them", () => {
    expect(guideAddress(HERE, "Mozilla/5.0 (Linux; Android 14; HUAWEI)")).toBe("geo:31.31,120.61?q=31.31,120.61");
    const [, lat = "", lon = ""] = /daddr=([\d.]+),([\d.]+)$/.exec(guideAddress(HERE, "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)")) ?? [];
    // some hundred metres beside what the satellites say
    expect(metres(HERE, { lon: Number(lon), lat: Number(lat) })).toBeGreaterThan(300);
    expect(metres(HERE, { lon: Number(lon), lat: Number(lat) })).toBeLessThan(700);
  });
});
