import { describe, expect, it } from "vitest";
import { isNews } from "./news";
import { settled } from "./settled";
import { fitted } from "./shrink";
import { asTheme, nextTheme } from "./theme";
import { isOld } from "./values";
import { difference } from "./wrong";

describe("what is wrong now", () => {
  it("knows what came and what went", () => {
    expect(difference([1, 2, 3], [3, 4])).toEqual({ added: [4], gone: [1, 2] });
  });
});

describe("the note that a page has changed", () => {
  const newest = "2026-03-02T04:00:00.250+00:00";

  it("is not shown for what stands on the page already, such as one's own move", () => {
    expect(isNews({ at: "2026-03-02T04:00:00.250Z" }, newest)).toBe(false);
  });

  it("is shown for what happened later", () => {
    expect(isNews({ at: "2026-03-02T04:00:00.251Z" }, newest)).toBe(true);
  });
});

describe("fetching again", () => {
  it("many requests at once are one fetch, and one more for those that came meanwhile", async () => {
    let runs = 0;
    let release: () => void = () => undefined;
    const ask = settled(async () => {
      runs += 1;
      await new Promise<void>((done) => {
        release = done;
      });
    }, 0);
    const until = async (wanted: number): Promise<void> => {
      while (runs < wanted) await new Promise((done) => setTimeout(done, 1));
    };
    ask();
    ask();
    await until(1);
    ask();
    ask();
    release();
    await until(2);
    release();
    expect(runs).toBe(2);
  });

  it("goes on after a fetch that failed", async () => {
    let runs = 0;
    const ask = settled(() => {
      runs += 1;
      return runs === 1 ? Promise.reject(new Error("no network")) : Promise.resolve();
    }, 0);
    ask();
    while (runs < 1) await new Promise((done) => setTimeout(done, 1));
    ask();
    while (runs < 2) await new Promise((done) => setTimeout(done, 1));
    expect(runs).toBe(2);
  });
});

describe("photos", () => {
  it.each([
    [4000, 3000, [1920, 1440]],
    [3000, 4000, [1440, 1920]],
    [800, 600, [800, 600]],
  ])("%d × %d travels as %j", (width, height, size) => {
    expect(fitted(width, height)).toEqual(size);
  });
});

describe("values", () => {
  it("older than a minute are shown as old", () => {
    expect([isOld(0, 60_000), isOld(0, 61_000)]).toEqual([false, true]);
  });
});

describe("appearance", () => {
  it("goes round: as the device, light, dark", () => {
    expect([nextTheme("auto"), nextTheme("light"), nextTheme("dark")]).toEqual(["light", "dark", "auto"]);
  });

  it("takes an unknown word as the device's choice", () => {
    expect([asTheme("dark"), asTheme("purple"), asTheme(undefined)]).toEqual(["dark", "auto", "auto"]);
  });
});
