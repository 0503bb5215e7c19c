// Values in words and tones.
import { duration, quantity } from "../format";
import type { Page } from "../page";
import type { PanelOptions, Threshold, Tone } from "./shapes";

/** The tone of a value: that of the highest threshold it reaches. */
export function toneOf(value: number | null | undefined, thresholds: readonly Threshold[] | undefined): Tone | undefined {
  if (value === null || value === undefined) return undefined;
  let tone: Tone | undefined;
  for (const each of thresholds ?? []) if (value >= each.from) tone = each.tone;
  return tone;
}

/** The number of the severity's shape that goes with a tone: a tone is never colour alone. */
export const SHAPE_OF: Readonly<Record<Tone, number>> = { good: 0, notice: 1, alarm: 2, critical: 3 };

export function symbolOf(unit: string | null | undefined, page: Page): string {
  if (unit === undefined || unit === null || unit === "" || unit === "1") return "";
  const word = page.t(`unit.${unit}`);
  return word === `unit.${unit}` ? unit : word;
}

/** A value as the panel writes it. */
export function written(value: number | null | undefined, unit: string | null | undefined, decimals: number | null | undefined, page: Page): string {
  const usual = value !== null && value !== undefined && Number.isInteger(value) ? 0 : 1;
  return quantity(value, decimals ?? usual, symbolOf(unit, page));
}

/** The same for what stands alone: a minute and more of seconds as people say it, 2 小时 1 分. */
export function spelled(value: number | null | undefined, unit: string | null | undefined, decimals: number | null | undefined, page: Page): string {
  if (unit === "s" && typeof value === "number" && value >= 60) return duration(value, page.t);
  return written(value, unit, decimals, page);
}

/** Change against the span before, as a share; undefined where there is nothing to compare with. */
export function change(value: number | null | undefined, before: number | null | undefined): number | undefined {
  if (value === null || value === undefined || before === null || before === undefined || before === 0) return undefined;
  return (value - before) / Math.abs(before);
}

/** Unit and decimals of a panel: its own, or else those of what it shows. */
export function unitOf(options: PanelOptions, given: string | undefined): string | undefined {
  return options.unit ?? given;
}
