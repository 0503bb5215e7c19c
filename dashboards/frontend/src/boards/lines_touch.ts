// A finger on a chart: moved at once it reads along, held first and then moved it zooms; up and down scrolls the page.

/** How long a finger rests before moving it means a span and not a look. */
export const HOLD_MS = 250;
const SLOP_PX = 8;

export type Meant =
  | { readonly of: "nothing" }
  | { readonly of: "read"; readonly at: number }
  | { readonly of: "span"; readonly left: number; readonly width: number };

const NOTHING: Meant = { of: "nothing" };

/** What one finger means from when it is put down on. Places in px from the chart's left edge. Pure. */
export class Finger {
  private meaning: "open" | "read" | "span" = "open";

  constructor(
    private readonly from: number,
    private readonly downMs: number,
    private readonly width: number,
  ) {}

  move(x: number, atMs: number): Meant {
    if (this.meaning === "open") {
      if (Math.abs(x - this.from) < SLOP_PX) return NOTHING;
      this.meaning = atMs - this.downMs >= HOLD_MS ? "span" : "read";
    }
    const at = Math.min(Math.max(x, 0), this.width);
    if (this.meaning === "read") return { of: "read", at };
    return { of: "span", left: Math.min(this.from, at), width: Math.abs(at - this.from) };
  }
}

export interface TouchDesk {
  /** undefined: nowhere any more */
  readAt(left: number | undefined): void;
  /** `done`: the finger has left; until then the span is only shown. A span without a width takes it back. */
  span(left: number, width: number, done: boolean): void;
}

/** Listens to the first finger on `over`; mice and pens that hover have the chart's own ways. */
export function followTouch(over: HTMLElement, desk: TouchDesk): void {
  let finger: { readonly id: number; readonly way: Finger; meant: Meant } | undefined;
  const placeOf = (event: PointerEvent): number => event.clientX - over.getBoundingClientRect().left;
  over.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "touch" || !event.isPrimary) return;
    finger = { id: event.pointerId, way: new Finger(placeOf(event), event.timeStamp, over.clientWidth), meant: NOTHING };
  });
  over.addEventListener("pointermove", (event) => {
    if (finger?.id !== event.pointerId) return;
    const meant = finger.way.move(placeOf(event), event.timeStamp);
    finger.meant = meant;
    if (meant.of === "read") desk.readAt(meant.at);
    else if (meant.of === "span") desk.span(meant.left, meant.width, false);
  });
  const end = (event: PointerEvent): void => {
    if (finger?.id !== event.pointerId) return;
    const { meant } = finger;
    finger = undefined;
    if (meant.of === "read") desk.readAt(undefined);
    // the page took it over to scroll: nothing was chosen
    else if (meant.of === "span") desk.span(meant.left, event.type === "pointerup" ? meant.width : 0, true);
  };
  over.addEventListener("pointerup", end);
  over.addEventListener("pointercancel", end);
  // a finger that rests would open the browser's menu instead
  over.addEventListener("contextmenu", (event) => {
    if (finger !== undefined) event.preventDefault();
  });
}
