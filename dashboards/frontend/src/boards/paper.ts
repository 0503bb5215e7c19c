// A page of charts on paper: canvases are painted in light colours for it, whatever the screen has.
import { THEME_CHANGED } from "../theme";

/** How wide A4 is when it lies, without its margins, in px of a page. */
const PAPER_PX = 1_047;

export interface Printed {
  /** everything still looks as on the screen */
  before(): void;
  /** `share`: how wide the page is on paper, of what it is on the screen */
  paint(share: number): void;
  /** back from paper */
  after(): void;
}

export function onPaper(printed: Printed): void {
  const root = document.documentElement;
  let dark: string | undefined;
  const paint = (theme: string): void => {
    root.dataset.theme = theme;
    dispatchEvent(new Event(THEME_CHANGED));
  };
  addEventListener("beforeprint", () => {
    printed.before();
    const theme = root.dataset.theme ?? "auto";
    if (theme === "dark" || (theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches)) {
      dark = theme;
      paint("light");
    }
    printed.paint(Math.min(1, PAPER_PX / document.documentElement.clientWidth));
  });
  addEventListener("afterprint", () => {
    if (dark !== undefined) paint(dark);
    dark = undefined;
    printed.after();
  });
}
