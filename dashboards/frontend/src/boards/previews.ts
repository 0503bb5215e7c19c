// What each panel of the editor will show: asked for a moment after the last change, and only where something changed.
import { post } from "../answers";
import type { Page } from "../page";
import { PATIENCE_MS, problemWords } from "./asking";
import type { PanelFrame } from "./frame";
import type { Answer, Board, Panel } from "./shapes";
import { spanNow } from "./span";

const TYPING_MS = 400;
/** A connection that is gone is tried again after so long. */
const AGAIN_MS = 10_000;

interface AskedFor {
  readonly said: string;
  readonly timer: ReturnType<typeof setTimeout>;
  readonly run: AbortController;
}

export class Previews {
  private readonly asked = new Map<string, AskedFor>();

  constructor(
    private readonly address: string,
    private readonly page: Page,
    private readonly board: () => Board,
  ) {}

  show(panel: Panel, frame: PanelFrame): void {
    if (panel.source === null) {
      this.forget(panel.id); // what comes late is none of its business, and what it was before is asked for anew
      return;
    }
    const { x: _x, y: _y, title: _title, ...what } = panel;
    const { time, variables } = this.board();
    const said = JSON.stringify([what, time, variables]);
    const before = this.asked.get(panel.id);
    if (before?.said === said) return;
    clearTimeout(before?.timer);
    before?.run.abort();
    this.plan(panel, frame, said, before === undefined ? 0 : TYPING_MS);
  }

  forget(id: string): void {
    const gone = this.asked.get(id);
    clearTimeout(gone?.timer);
    gone?.run.abort();
    this.asked.delete(id);
  }

  private plan(panel: Panel, frame: PanelFrame, said: string, waitMs: number): void {
    const run = new AbortController();
    const timer = setTimeout(() => void this.ask(panel, frame, run), waitMs);
    this.asked.set(panel.id, { said, timer, run });
  }

  private async ask(panel: Panel, frame: PanelFrame, run: AbortController): Promise<void> {
    frame.waiting();
    const board = this.board();
    const { fromMs, toMs } = spanNow(board.time);
    const vars = Object.fromEntries(board.variables.map(({ name, default: usual }) => [name, usual.map(String)]));
    const patience = setTimeout(() => run.abort(), PATIENCE_MS);
    const body = { panel, from_ms: Math.round(fromMs), to_ms: Math.round(toMs), width_px: Math.max(frame.section.clientWidth, 300), vars };
    try {
      const response = await post(this.address, body, run.signal);
      frame.answer((await response.json()) as Answer);
    } catch (problem) {
      const asked = this.asked.get(panel.id);
      if (asked?.run !== run) return;
      const why = problemWords(problem);
      frame.tell(why ?? this.page.t("board.no_answer"), 2);
      if (why === undefined) this.plan(panel, frame, asked.said, AGAIN_MS);
    } finally {
      clearTimeout(patience);
    }
  }
}
