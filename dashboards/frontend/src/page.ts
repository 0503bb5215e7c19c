// What every script needs from the page it runs on: its zone, its words, its parts.
import { pageLanguage, pageWords, type Translate } from "./words";
import { zoneClock, zoneMoment } from "./format";

export interface Page {
  readonly t: Translate;
  readonly language: "zh" | "en";
  /** The city's time zone: people at a desk abroad still read the city's clock. */
  readonly zone: string;
  /** Hours, minutes and seconds in the city. */
  readonly clock: (ms: number) => string;
  /** Date and time in the city. */
  readonly moment: (ms: number) => string;
}

let opened: Promise<Page> | undefined;

async function open(): Promise<Page> {
  const language = pageLanguage();
  const zone = document.documentElement.dataset.zone ?? "Asia/Shanghai";
  return {
    t: await pageWords(),
    language,
    zone,
    clock: zoneClock(zone, language, { hour: "2-digit", minute: "2-digit", second: "2-digit" }),
    moment: zoneMoment(zone),
  };
}

/** The page, opened once for all scripts on it. */
export function thisPage(): Promise<Page> {
  opened ??= open();
  return opened;
}

/** The element that the template promised; its absence is a mistake in the template. */
export function part<T extends Element = HTMLElement>(selector: string, root: ParentNode = document): T {
  const found = root.querySelector<T>(selector);
  if (found === null) throw new Error(`the page has no ${selector}`);
  return found;
}

/** Text set only when it differs: no flicker for screen readers, no lost selection. */
export function say(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
