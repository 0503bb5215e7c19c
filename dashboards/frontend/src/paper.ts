// Paper is light: whatever paints by itself (chart, map) is painted in light colours for it, whatever the screen has.
import { isNight, THEME_CHANGED } from "./theme";

/** Turns a dark page light; what is answered turns it back. */
export function turnedLight(): () => void {
  const root = document.documentElement;
  const theme = root.dataset.theme ?? "auto";
  if (theme === "light" || (theme !== "dark" && !matchMedia("(prefers-color-scheme: dark)").matches)) return () => undefined;
  const paint = (as: string): void => {
    root.dataset.theme = as;
    dispatchEvent(new Event(THEME_CHANGED));
  };
  paint("light");
  return () => paint(theme);
}

/** Charts that are painted anew at once are light on paper, however it is asked for. */
export function lightOnPaper(): void {
  let back: (() => void) | undefined;
  addEventListener("beforeprint", () => {
    back = turnedLight();
  });
  addEventListener("afterprint", () => back?.());
}

/** Prints the page in light colours once `ready` settles: a map takes a moment to draw itself anew. */
export async function printLight(ready: () => Promise<unknown>): Promise<void> {
  addEventListener("afterprint", turnedLight(), { once: true });
  await ready();
  print();
}

/** Lets the key that browsers print with wait for that too, where the page is dark. */
export function onPrintKey(act: () => void): void {
  addEventListener("keydown", (event) => {
    const pressed = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "p";
    if (!pressed || event.repeat || !isNight()) return;
    event.preventDefault();
    act();
  });
}
