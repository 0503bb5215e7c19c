// The panel beside the map; on a phone a sheet that is drawn up from below with a finger or a key.
import { part } from "../page";

export type Snap = "peek" | "half" | "full";
const SNAPS: readonly Snap[] = ["peek", "half", "full"];
/** A flick of this many pixels is a wish for the next height. */
const FLICK_PX = 36;

export class Panel {
  private readonly handle: HTMLButtonElement;
  private dragFrom: number | undefined;
  private dragged = false;

  constructor(private readonly panel: HTMLElement) {
    this.handle = part<HTMLButtonElement>("[data-handle]", panel);
  }

  start(): void {
    for (const tab of this.tabs()) {
      tab.addEventListener("click", () => this.show(tab.dataset.tab ?? ""));
      tab.addEventListener("keydown", (event) => this.arrow(event, tab));
    }
    this.handle.addEventListener("click", () => {
      if (!this.dragged) this.snap(this.at === "peek" ? "half" : this.at === "half" ? "full" : "peek");
      this.dragged = false;
    });
    this.handle.addEventListener("pointerdown", (event) => {
      this.dragFrom = event.clientY;
      this.dragged = false;
      this.handle.setPointerCapture(event.pointerId);
    });
    this.handle.addEventListener("pointerup", (event) => this.drop(event.clientY));
  }

  get at(): Snap {
    return (this.panel.dataset.snap as Snap | undefined) ?? "peek";
  }

  snap(to: Snap): void {
    this.panel.dataset.snap = to;
    this.handle.setAttribute("aria-expanded", String(to !== "peek"));
  }

  /** Opens one pane; on a phone far enough to be read. */
  show(name: string, focus = false): void {
    for (const tab of this.tabs()) {
      const chosen = tab.dataset.tab === name;
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
      if (chosen && focus) tab.focus();
    }
    for (const pane of this.panel.querySelectorAll<HTMLElement>("[data-pane]")) pane.hidden = pane.dataset.pane !== name;
    if (this.at === "peek") this.snap("half");
  }

  private drop(y: number): void {
    if (this.dragFrom === undefined) return;
    const up = this.dragFrom - y;
    this.dragFrom = undefined;
    if (Math.abs(up) < FLICK_PX) return;
    this.dragged = true;
    const steps = Math.abs(up) > innerHeight * 0.45 ? 2 : 1;
    const next = SNAPS.indexOf(this.at) + (up > 0 ? steps : -steps);
    this.snap(SNAPS[Math.min(Math.max(next, 0), 2)] ?? "peek");
  }

  private arrow(event: KeyboardEvent, tab: HTMLElement): void {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (step === 0) return;
    const tabs = this.tabs();
    const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
    if (next !== undefined) this.show(next.dataset.tab ?? "", true);
  }

  private tabs(): HTMLElement[] {
    return [...this.panel.querySelectorAll<HTMLElement>("[role=tab]")];
  }
}
