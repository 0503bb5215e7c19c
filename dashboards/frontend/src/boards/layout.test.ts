import { describe, expect, test } from "vitest";
import { freePlace, inOrder, inStack, moved, overlap, pastNeighbour, settle, within } from "./layout";
import type { Panel, Place } from "./shapes";

const panel = (id: string, x: number, y: number, w: number, h: number): Panel => ({
  id,
  x,
  y,
  w,
  h,
  title: { zh: id, en: id },
  kind: "text",
  source: null,
  options: {},
});
const places = (panels: readonly Panel[]): Record<string, [number, number]> =>
  Object.fromEntries(panels.map((each) => [each.id, [each.x, each.y]]));

describe("panels", () => {
  const three = [panel("a", 0, 0, 12, 4), panel("b", 12, 0, 12, 8), panel("c", 0, 4, 12, 4)];

  test("make room for the one that was moved", () => {
    expect(places(moved(three, "c", { x: 0, y: 0, w: 12, h: 4 }))).toEqual({ c: [0, 0], a: [0, 4], b: [12, 0] });
  });

  test("move up when the one above them goes away", () => {
    expect(places(settle(three.slice(1)))).toEqual({ b: [12, 0], c: [0, 0] });
  });

  test("never lie over one another, wherever one is put", () => {
    for (let x = 0; x < 24; x += 3) {
      for (let y = 0; y < 12; y += 2) {
        const after = moved(three, "b", { x, y, w: 10, h: 5 });
        expect(after.some((one, at) => after.slice(at + 1).some((other) => overlap(one, other)))).toBe(false);
      }
    }
  });

  test("stay within the grid", () => {
    expect(within({ x: 20, y: -3, w: 12, h: 99 } satisfies Place)).toEqual({ x: 12, y: 0, w: 12, h: 40 });
    expect(within({ x: -2, y: 0, w: 0, h: 0 })).toEqual({ x: 0, y: 0, w: 2, h: 2 });
  });

  test("go past a neighbour in one step, however tall it is, and nowhere where there is none", () => {
    const two = [panel("low", 0, 0, 12, 3), panel("tall", 0, 3, 12, 10)];
    const below = moved(two, "low", pastNeighbour(two, "low", 1));
    expect(places(below)).toEqual({ tall: [0, 0], low: [0, 10] });
    expect(places(moved(below, "low", pastNeighbour(below, "low", -1)))).toEqual(places(two));
    expect(pastNeighbour(two, "low", -1)).toMatchObject({ x: 0, y: 0 });
    expect(pastNeighbour(two, "tall", 1)).toMatchObject({ x: 0, y: 3 });
  });

  test("of one row change places where they are read one below the other, and fill the same room", () => {
    const row = [panel("a", 0, 0, 6, 4), panel("b", 6, 0, 6, 4), panel("wide", 12, 0, 12, 4), panel("below", 0, 4, 24, 6)];
    const names = (panels: readonly Panel[]): string => inOrder(panels).map((each) => each.id).join(" ");
    const earlier = inStack(row, "wide", -1);
    expect(names(earlier)).toBe("a wide b below");
    expect(places(earlier)).toEqual({ a: [0, 0], wide: [6, 0], b: [18, 0], below: [0, 4] });
    expect(names(inStack(earlier, "wide", 1))).toBe("a b wide below");
    expect(names(inStack(row, "below", -1))).toBe("below a b wide");
    expect(names(inStack(row, "a", -1))).toBe(names(row));
  });

  test("that are new go where there is room", () => {
    expect(freePlace(three, 12, 4)).toEqual({ x: 0, y: 8, w: 12, h: 4 });
    expect(freePlace([panel("a", 0, 0, 12, 4)], 12, 4)).toEqual({ x: 12, y: 0, w: 12, h: 4 });
    expect(freePlace([], 24, 8)).toEqual({ x: 0, y: 0, w: 24, h: 8 });
  });
});
