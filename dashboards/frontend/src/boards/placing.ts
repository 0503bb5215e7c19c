// Moving and sizing panels on the grid, by hand and by keyboard.
import { element } from "../elements";
import type { Page } from "../page";
import { COLUMNS, pastNeighbour, ROW_PX } from "./layout";
import type { Panel, Place } from "./shapes";

/** As the style sheet says. */
const STACKED = "(max-width: 720px)";

/** Whether panels stand one below the other, and there is no grid to move them on. */
export function isStacked(): boolean {
  return matchMedia(STACKED).matches;
}

export interface PlacingDesk {
  readonly page: Page;
  readonly panels: readonly Panel[];
  panel(id: string): Panel | undefined;
  /** While the hand is down: shown, and not yet done. */
  tryPlace(id: string, place: Place): void;
  /** `step`: one of many of its kind, which are undone as one. */
  putPlace(id: string, place: Place, step?: string): void;
  /** Puts all panels where they stand here; `id` is the one that was moved. */
  putPanels(panels: readonly Panel[], id: string, step?: string): void;
  choose(id: string): void;
}

/** Makes a panel's head move it, and gives it a corner to size it by. */
export function makePlaceable(section: HTMLElement, id: string, grid: HTMLElement, desk: PlacingDesk): void {
  const { t } = desk.page;
  const head = section.querySelector<HTMLElement>(".board-panel-head");
  const corner = element("button", { type: "button", class: "board-corner", "aria-label": t("board.size_handle"), title: t("board.size_handle") });
  const grip = element("button", { type: "button", class: "board-grip", "aria-label": t("board.move_handle"), title: t("board.move_handle") }, "⠿");
  head?.prepend(grip);
  section.append(corner);
  const columnPx = (): number => (grid.clientWidth + 8) / COLUMNS;
  const drag = (event: PointerEvent, change: (from: Place, columns: number, rows: number) => Place): void => {
    const from = desk.panel(id);
    // where there is no grid the hand scrolls
    if (from === undefined || event.button !== 0 || isStacked()) return;
    if (event.target instanceof Element && event.target.closest("details, a, input, select") !== null) return;
    desk.choose(id);
    event.preventDefault();
    const handle = event.currentTarget as HTMLElement;
    handle.setPointerCapture(event.pointerId);
    section.classList.add("board-moving");
    let place: Place = from;
    const move = (next: PointerEvent): void => {
      place = change(from, (next.clientX - event.clientX) / columnPx(), (next.clientY - event.clientY) / ROW_PX);
      desk.tryPlace(id, place);
    };
    const end = (): void => {
      handle.removeEventListener("pointermove", move);
      section.classList.remove("board-moving");
      desk.putPlace(id, place);
    };
    handle.addEventListener("pointermove", move);
    handle.addEventListener("lostpointercapture", end, { once: true }); // after up and cancel alike
  };
  head?.addEventListener("pointerdown", (event) => drag(event, (from, columns, rows) => ({ ...from, x: from.x + columns, y: from.y + rows })));
  corner.addEventListener("pointerdown", (event) => drag(event, (from, columns, rows) => ({ ...from, w: from.w + columns, h: from.h + rows })));
  const arrows = (event: KeyboardEvent, change: (from: Place, columns: number, rows: number) => Place): void => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const from = desk.panel(id);
    if (step === undefined || from === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    desk.putPlace(id, change(from, step[0] ?? 0, step[1] ?? 0), "keys");
  };
  grip.addEventListener("keydown", (event) => arrows(event, (from, columns, rows) => (rows === 0 ? { ...from, x: from.x + columns } : pastNeighbour(desk.panels, id, rows < 0 ? -1 : 1))));
  corner.addEventListener("keydown", (event) => arrows(event, (from, columns, rows) => ({ ...from, w: from.w + columns, h: from.h + rows })));
}
