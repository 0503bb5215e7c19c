// Axe sees each page in one theme; here every pair of colours that words or shapes are made of is held in both.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const THEMES = ["light", "dark"] as const;
const SURFACES = ["ground", "surface", "surface-raised", "surface-sunk", "hover"];
const STATES = ["critical", "alarm", "notice", "good"];
const TEXT = 4.5;
const SHAPE = 3;

const sheet = readFileSync("src/styles/tokens.css", "utf8");
const tokens = new Map(
  Array.from(sheet.matchAll(/--([\w-]+): (?:light-dark\((#\w{6}), (#\w{6})\)|(#\w{6}));/g), ([, name = "", light, dark, both]) => [
    name,
    { light: light ?? both ?? "", dark: dark ?? both ?? "" },
  ]),
);

/** WCAG 2.2: relative luminance of #rrggbb. */
function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

function tooNear(pairs: readonly (readonly [string, string])[], least: number): string[] {
  return THEMES.flatMap((theme) =>
    pairs.flatMap(([front, back]) => {
      const [one, other] = [tokens.get(front), tokens.get(back)];
      if (one === undefined || other === undefined) return [`${front} or ${back} is no colour of both themes`];
      const found = contrast(one[theme], other[theme]);
      return found < least ? [`${front} on ${back}, ${theme}: ${found.toFixed(2)}`] : [];
    }),
  );
}

const each = (fronts: readonly string[], backs: readonly string[]): [string, string][] =>
  fronts.flatMap((front) => backs.map((back): [string, string] => [front, back]));

test("black on white is as far apart as it gets", () => {
  expect(contrast("#000000", "#ffffff")).toBeCloseTo(21);
  expect(contrast("#767676", "#ffffff")).toBeCloseTo(4.54, 1);
});

test("words can be read on every surface, by day and by night", () => {
  expect(tooNear(each(["ink", "ink-soft", "ink-faint", "accent", ...STATES], SURFACES), TEXT)).toEqual([]);
  const softly = [...STATES, "accent"].flatMap((state) => each([state, "ink", "ink-soft", "accent"], [`${state}-soft`]));
  expect(tooNear(softly, TEXT)).toEqual([]);
  const filled = [["on-accent", "accent-ground"], ["on-accent", "accent-hover"], ["on-critical", "danger"]] as const;
  expect(tooNear(filled, TEXT)).toEqual([]);
});

test("the shape of a state and the mark in it stand out, by day and by night", () => {
  expect(tooNear(STATES.map((state) => [`on-${state}`, `${state}-fill`] as const), SHAPE)).toEqual([]);
  for (const state of STATES) {
    const body = state === "alarm" ? "alarm-edge" : `${state}-fill`;
    expect(tooNear(each([body], [...SURFACES, `${state}-soft`]), SHAPE)).toEqual([]);
  }
  expect(tooNear(each(["focus", "line-strong", "cover", "light"], SURFACES), SHAPE)).toEqual([]);
});
