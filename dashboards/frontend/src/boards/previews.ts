// What each panel of the editor will show: asked for a moment after the last change, and only where something changed.
import { post, Refused } from "../answers";
import type { Page } from "../page";
import type { PanelFrame } from "./frame";
import { problemWords } from "./saving";
import type { Answer, Board, Panel } from "./shapes";
import { spanNow } from "./span";

const TYPING_MS = 400;

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
    if (panel.source === null) return;
    const { x: _x, y: _y, title: _title, ...what } = panel;
    const { time, variables } = this.board();
    const said = JSON.stringify([what, time, variables]);
    const before = this.asked.get(panel.id);
    if (before?.said === said) return;
    clearTimeout(before?.timer);
    before?.run.abort();
    const run = new AbortController();
    const timer = setTimeout(() => void this.ask(panel, frame, run), before === undefined ? 0 : TYPING_MS);
    this.asked.set(panel.id, { said, timer, run });
  }

  forget(id: string): void {
    const gone = this.asked.get(id);
    clearTimeout(gone?.timer);
    gone?.run.abort();
    this.asked.delete(id);
  }

  private async ask(panel: Panel, frame: PanelFrame, run: AbortController): Promise<void> {
    frame.waiting();
    const board = this.board();
    const { fromMs, toMs } = spanNow(board.time);
    const vars = Object.fromEntries(board.variables.map(({ name, default: usual }) => [name, usual.map(String)]));
    const body = { panel, from_ms: Math.round(fromMs), to_ms: Math.round(toMs), width_px: Math.max(frame.section.clientWidth, 300), vars };
    try {
      const response = await post(this.address, body, run.signal);
      frame.answer((await response.json()) as Answer);
    } catch (problem) {
      if (run.signal.aborted) return;
      frame.tell(problem instanceof Refused ? problemWords(problem) : this.page.t("board.no_answer"), 2);
    }
  }
}
