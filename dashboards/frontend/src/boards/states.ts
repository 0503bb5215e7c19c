// Rows of states as figures: when something changed, and what was then. Pure.
import type { SpanOfState, StateRow } from "./shapes";
import type { Span } from "./span";

/** When any of the rows changed its state, ascending; what began before the span changed when the span began. */
export function changesOf(rows: readonly StateRow[], { fromMs, toMs }: Span): number[] {
  const moments = rows.flatMap((row) => row.spans.flatMap(([from, to]) => [Math.max(from, fromMs), to]));
  return [...new Set(moments.filter((ms) => ms >= fromMs && ms < toMs))].sort((one, other) => one - other);
}

/** The state of a row at a moment; undefined where nothing was. */
export function stateAt(row: StateRow, ms: number): SpanOfState | undefined {
  return row.spans.find(([from, to]) => from <= ms && ms < to);
}

/** Which rows (by their places) changed at a moment: a state began there, or one ended. */
export function changedAt(rows: readonly StateRow[], ms: number, { fromMs }: Span): number[] {
  return rows.flatMap((row, at) => (row.spans.some(([from, to]) => Math.max(from, fromMs) === ms || to === ms) ? [at] : []));
}

/** The change to walk to from where the crosshair stands; without one from the end that the walk comes from. */
export function nextChange(changes: readonly number[], at: number | undefined, by: 1 | -1): number | undefined {
  if (at === undefined) return by > 0 ? changes[0] : changes.at(-1);
  return by > 0 ? (changes.find((ms) => ms > at) ?? changes.at(-1)) : (changes.filter((ms) => ms < at).at(-1) ?? changes[0]);
}
