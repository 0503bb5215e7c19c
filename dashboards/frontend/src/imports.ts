// Import pages: the map of the file's places follows the choices beside it; likely duplicates by the keyboard.
import type { Dots, DotMap } from "./dotmap";
import { keyMeans, placesAddress, takenTwice } from "./import_choices";
import { type Page, thisPage } from "./page";

async function openMap(page: Page): Promise<DotMap | undefined> {
  const box = document.querySelector<HTMLElement>("[data-dot-map]");
  if (box === null) return undefined;
  const { DotMap: Drawn } = await import("./dotmap"); // the megabyte comes after the page
  return new Drawn(box, page);
}

function markTargets(selects: readonly HTMLSelectElement[]): void {
  const twice = takenTwice(selects.map((select) => select.value));
  for (const select of selects) {
    select.toggleAttribute("data-twice", twice.has(select.value));
    select.toggleAttribute("data-left-out", select.value === "");
  }
}

function startColumns(form: HTMLFormElement, map: DotMap | undefined): void {
  const selects = [...form.querySelectorAll<HTMLSelectElement>("[data-target]")];
  let shown = "";
  const follow = (): void => {
    markTargets(selects);
    const address = placesAddress(form.dataset.places ?? "", new FormData(form));
    if (address === shown) return;
    shown = address;
    void map?.show(address);
  };
  form.addEventListener("change", follow);
  follow();
}

function startDuplicates(form: HTMLFormElement, map: DotMap | undefined): void {
  const cards = [...form.querySelectorAll<HTMLElement>("[data-duplicate]")];
  let at = -1;
  const show = (index: number): void => {
    const card = cards[index];
    if (card === undefined || index === at) return;
    at = index;
    map?.put(JSON.parse(card.dataset.dots ?? "{}") as Dots);
  };
  const goTo = (index: number): void => {
    const card = cards[Math.max(0, Math.min(cards.length - 1, index))];
    card?.focus({ preventScroll: true });
    card?.scrollIntoView({ block: "nearest" });
  };
  for (const [index, card] of cards.entries()) card.addEventListener("focusin", () => show(index));
  document.addEventListener("keydown", (event) => {
    const means = keyMeans(event.key);
    if (means === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    if (means === "next") goTo(at + 1);
    else if (means === "back") goTo(at - 1);
    else {
      const choice = cards[at]?.querySelector<HTMLInputElement>(`input[value="${means}"]`);
      if (choice == null) return;
      choice.checked = true;
      goTo(at + 1);
    }
    event.preventDefault();
  });
  show(0);
}

async function start(page: Page): Promise<void> {
  const map = await openMap(page);
  const columns = document.querySelector<HTMLFormElement>("form[data-columns]");
  if (columns !== null) startColumns(columns, map);
  const duplicates = document.querySelector<HTMLFormElement>("form[data-duplicates]");
  if (duplicates !== null) startDuplicates(duplicates, map);
}

void thisPage().then(start);
