// What happened while the charts ran: marks across them.
import type { Mark, MarkKind } from "./shapes";

/** The marks of a span, as the server tells them. */
export interface MarksAnswer {
  readonly marks: readonly Mark[];
  /** older ones were left out */
  readonly more: boolean;
}

/** What stays while the server tells nothing new: the kinds that are switched on, unless something else is chosen by now. */
export function stillShown(told: MarksAnswer, kinds: ReadonlySet<MarkKind>, sameChoices: boolean): MarksAnswer {
  return { ...told, marks: sameChoices ? told.marks.filter((mark) => kinds.has(mark.of)) : [] };
}

export interface PlacedMark {
  readonly mark: Mark;
  /** px from the left of the chart */
  readonly left: number;
  readonly right: number;
}

/** Marks within the chart, worst last so that they are painted on top. `place` gives px for a moment. */
export function placed(marks: readonly Mark[], fromMs: number, toMs: number, place: (ms: number) => number): PlacedMark[] {
  return marks
    .filter((mark) => mark.from_ms <= toMs && (mark.to_ms ?? mark.from_ms) >= fromMs)
    .map((mark) => ({
      mark,
      left: place(Math.max(mark.from_ms, fromMs)),
      right: place(Math.min(mark.to_ms ?? mark.from_ms, toMs)),
    }))
    .sort((one, other) => (one.mark.severity ?? 0) - (other.mark.severity ?? 0));
}

/** Marks whose beginning is within `reach` px of `x`, nearest first. */
export function near(marks: readonly PlacedMark[], x: number, reach: number): Mark[] {
  return marks
    .filter((each) => Math.abs(each.left - x) <= reach)
    .sort((one, other) => Math.abs(one.left - x) - Math.abs(other.left - x))
    .map((each) => each.mark);
}
