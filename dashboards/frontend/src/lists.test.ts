import { afterEach, describe, expect, it, vi } from "vitest";
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

describe("fetching again and again", () => {
  afterEach(() => vi.useRealTimers());

  it("comes at once after a quiet time, rests while things go on happening, and misses nothing", async () => {
    vi.useFakeTimers();
    const ran: number[] = [];
    const began = performance.now();
    const ask = settled(
      () => {
        ran.push(performance.now() - began);
        return Promise.resolve();
      },
      100,
      2_000,
    );
    for (let asked = 0; asked < 50; asked += 1) {
      ask();
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(ran).toEqual([100, 2_100, 4_100]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(ran).toEqual([100, 2_100, 4_100, 6_100]);
    ask();
    await vi.advanceTimersByTimeAsync(100);
    expect(ran).toHaveLength(5);
  });

  it("leaves a server alone that takes long", async () => {
    vi.useFakeTimers();
    let runs = 0;
    const ask = settled(
      () => {
        runs += 1;
        return new Promise((done) => setTimeout(done, 5_000));
      },
      0,
      1_000,
    );
    ask();
    await vi.advanceTimersByTimeAsync(1_000);
    ask();
    await vi.advanceTimersByTimeAsync(13_000);
    expect(runs).toBe(1);
    await vi.advanceTimersByTimeAsync(2_000);
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
