import { describe, expect, it } from "vitest";
import { keyMeans, placesAddress, takenTwice } from "./import_choices";

describe("the columns of an import", () => {
  it("asks for the places as the form would have them read", () => {
    const form = new FormData();
    for (const [name, value] of [["crs", "gcj02"], ["column-0", "lon"], ["column-1", "road"], ["column-7", "lat"]] as const) {
      form.append(name, value);
    }
    expect(placesAddress("/imports/3/places", form)).toBe("/imports/3/places?crs=gcj02&lon=0&lat=7");
    form.append("swapped", "1");
    expect(placesAddress("/imports/3/places", form)).toBe("/imports/3/places?crs=gcj02&swapped=1&lon=0&lat=7");
  });

  it("notices a target that two columns have, but not text that is joined", () => {
    expect([...takenTwice(["lon", "lat", "road", "road", "", "", "details", "details"])]).toEqual([]);
    expect([...takenTwice(["lon", "lat", "lon"])]).toEqual(["lon"]);
  });
});

describe("the keys of the page of duplicates", () => {
  it("are these and no others", () => {
    expect(["j", "k", "m", "b", "l"].map(keyMeans)).toEqual(["next", "back", "merge", "keep", "open"]);
    expect(["x", "J", "Enter", "toString"].map(keyMeans)).toEqual([undefined, undefined, undefined, undefined]);
  });
});
