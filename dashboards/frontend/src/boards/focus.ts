// What is written anew under the keyboard: whoever stood on a link or a button stands on the same one afterwards.

const STANDING = "a[href], button, input, select, textarea, summary, [tabindex]";

/** Where among `now` what stood at `place` and was called `name` is to be found; -1 where nothing is left. */
export function placeAgain(name: string, place: number, now: readonly string[]): number {
  if (now[place] === name) return place;
  const same = now.indexOf(name);
  return same >= 0 && name !== "" ? same : Math.min(place, now.length - 1);
}

/** Does `work`, which may write what is in `box` anew. */
export function keepingFocus(box: HTMLElement, work: () => void): void {
  const before = document.activeElement;
  if (!(before instanceof HTMLElement) || before === box || !box.contains(before)) {
    work();
    return;
  }
  const place = standing(box).indexOf(before);
  const name = nameOf(before);
  work();
  if (box.contains(document.activeElement)) return;
  const now = standing(box);
  now[placeAgain(name, place, now.map(nameOf))]?.focus({ preventScroll: true });
}

/** Tells whether a menu was open when the key went down that is being handled: the page closes it before others hear of it. */
export function menuWatch(): () => boolean {
  let open = false;
  const look = (): void => {
    open = document.querySelector("details.menu[open]") !== null;
  };
  addEventListener("keydown", look, { capture: true });
  return () => open;
}

function standing(box: HTMLElement): HTMLElement[] {
  return [...box.querySelectorAll<HTMLElement>(STANDING)];
}

function nameOf(one: HTMLElement): string {
  return one.getAttribute("href") ?? one.getAttribute("aria-label") ?? "";
}
