// Pages of areas: the map beside the list. Its megabyte comes after the page.
import { type Page, thisPage } from "./page";

async function start(page: Page): Promise<void> {
  const box = document.querySelector<HTMLElement>("[data-area-map]");
  if (box === null) return;
  const { AreaMap } = await import("./areamap");
  await new AreaMap(box, page).load();
}

void thisPage().then(start);
