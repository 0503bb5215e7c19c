// The colours that canvases paint with, as the theme of now has them.
import { colour, THEME_CHANGED } from "../theme";
import type { Tone } from "./shapes";

export interface Palette {
  readonly ink: string;
  readonly inkSoft: string;
  readonly line: string;
  readonly surface: string;
  readonly accent: string;
  readonly sunk: string;
  /** Lines of a chart: eight hues that differ for every kind of colour blindness; more are dashed. */
  readonly series: readonly string[];
  readonly tones: Readonly<Record<Tone, string>>;
  readonly font: string;
}

let known: Palette | undefined;
addEventListener(THEME_CHANGED, () => {
  known = undefined;
});

export function palette(): Palette {
  known ??= {
    ink: colour("ink"),
    inkSoft: colour("ink-soft"),
    line: colour("line"),
    surface: colour("surface"),
    accent: colour("accent"),
    sunk: colour("surface-sunk"),
    series: Array.from({ length: 8 }, (_, at) => colour(`series-${at + 1}`)),
    tones: {
      good: colour("good-fill"),
      notice: colour("notice-fill"),
      alarm: colour("alarm-fill"),
      critical: colour("critical-fill"),
    },
    font: getComputedStyle(document.body).fontFamily,
  };
  return known;
}

const SEVERITIES: readonly (Tone | undefined)[] = ["good", "notice", "alarm", "critical"];
const DASHES: readonly (readonly number[])[] = [[], [7, 4], [2, 3], [10, 3, 2, 3]];

/** How the line of that number is drawn; a line of one severity has the colour of that severity everywhere. */
export function lineStyle(index: number, severity?: number): { readonly stroke: string; readonly dash: number[] } {
  const tone = severity === undefined ? undefined : SEVERITIES[severity];
  if (tone !== undefined) return { stroke: palette().tones[tone], dash: [] };
  const { series } = palette();
  const dash = DASHES[Math.floor(index / series.length) % DASHES.length] ?? [];
  return { stroke: series[index % series.length] ?? "", dash: [...dash] };
}
