// A page of charts on paper: canvases are painted in light colours for it, whatever the screen has.
import { onPrintKey, printLight, turnedLight } from "../paper";
import { isNight } from "../theme";

/** How wide A4 is when it lies, without its margins, in px of a page. */
const PAPER_PX = 1_047;

export interface Printed {
  /** everything still looks as on the screen */
  before(): void;
  /** `share`: how wide the page is on paper, of what it is on the screen */
  paint(share: number): void;
  /** back from paper */
  after(): void;
  /** settles once what can't be painted at once (a map) is in the colours of now */
  ready?(): Promise<unknown>;
}

export function onPaper(printed: Printed): void {
  let back: (() => void) | undefined;
  addEventListener("beforeprint", () => {
    printed.before();
    back = turnedLight();
    printed.paint(Math.min(1, PAPER_PX / document.documentElement.clientWidth));
  });
  addEventListener("afterprint", () => {
    back?.();
    printed.after();
  });
  const { ready } = printed;
  if (ready === undefined) return;
  const act = (): void => void printLight(ready);
  onPrintKey(act);
  const press = (event: Event): void => {
    if (!isNight() || !(event.target instanceof Element) || event.target.closest("[data-print]") === null) return;
    event.stopPropagation();
    act();
  };
  document.addEventListener("click", press, { capture: true });
}
