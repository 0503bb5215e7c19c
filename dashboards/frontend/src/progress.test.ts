import { describe, expect, it } from "vitest";
import { lately, type Mark, secondsLeft } from "./progress";

const marks = (...pairs: [number, number][]): Mark[] => pairs.map(([atMs, done]) => ({ atMs, done }));

describe("the time that work still takes", () => {
  it("follows from the speed of the last marks", () => {
    expect(secondsLeft(marks([0, 100], [10_000, 600]), 1_100)).toBeCloseTo(10);
  });

  it("is not told before anything moved, nor without a total", () => {
    expect(secondsLeft(marks([0, 100]), 1_000)).toBeUndefined();
    expect(secondsLeft(marks([0, 100], [1_000, 100]), 1_000)).toBeUndefined();
    expect(secondsLeft(marks([0, 100], [1_000, 200]), null)).toBeUndefined();
  });

  it("is never negative when more was done than announced", () => {
    expect(secondsLeft(marks([0, 0], [1_000, 20]), 10)).toBe(0);
  });

  it("forgets how fast it was half a minute ago", () => {
    const kept = lately(marks([0, 0], [10_000, 5], [50_000, 6], [60_000, 7]), 60_000);

    expect(kept.map((mark) => mark.atMs)).toEqual([10_000, 50_000, 60_000]);
  });
});
