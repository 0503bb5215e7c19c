// The card of one asset: what the tile knows at once, what the server adds, and where it leads.
import { element, shapeOf } from "../elements";
import type { Position } from "../geometry";
import type { Page } from "../page";
import { addressed } from "./facts";
import { kindWord, type ShownAsset } from "./things";
import type { CityMap } from "./view";

/** Where a card leads and where it asks for more; addresses end in the id 0. Empty ones are left out. */
export interface CardAddresses {
  readonly asset: string;
  readonly case: string;
  readonly card: string;
}

const WIDTH_PX = 300;
const GAP_PX = 18;
const MARGIN_PX = 12;

/** The card's content; what the server adds comes a moment later, into room that is kept for it. */
export function cardOf(page: Page, asset: ShownAsset, at: CardAddresses, close: () => void): HTMLElement {
  const { t } = page;
  const button = element("button", { type: "button", class: "map-pop-close", "aria-label": t("map.close") }, "×");
  button.addEventListener("click", close);
  const card = element("section", { class: "map-pop-body", "aria-label": asset.name });
  card.append(element("div", { class: "map-pop-head" }, element("strong", {}, asset.name || t("map.unnamed")), button));
  if (asset.severity > 0) {
    card.append(element("span", { class: `severity severity-${asset.severity}` }, shapeOf(asset.severity), t(`severity.${asset.severity}`)));
    // what is known of an asset comes from the server, its cases too
    const kind = asset.id > 0 ? "" : kindWord(asset.caseKind, t);
    if (kind !== "") card.append(element("p", {}, kind));
  }
  if (at.card !== "" && asset.id > 0) {
    const more = element("div", { class: "map-card-more" }, element("p", { class: "soft small" }, asset.road));
    card.append(more);
    void complete(more, addressed(at.card, asset.id));
  }
  const links = element("p", { class: "map-pop-links" });
  if (at.asset !== "" && asset.id > 0) links.append(element("a", { href: addressed(at.asset, asset.id) }, t("map.open")));
  if (at.case !== "" && asset.caseId !== undefined) links.append(element("a", { href: addressed(at.case, asset.caseId) }, t("map.open_case")));
  if (links.children.length > 0) card.append(links);
  return card;
}

async function complete(box: HTMLElement, address: string): Promise<void> {
  try {
    const answer = await fetch(address, { headers: { Accept: "text/plain" } });
    // our own template, escaped by the server
    if (answer.ok) box.replaceChildren(document.createRange().createContextualFragment(await answer.text()));
  } catch {
    // without an answer the card says what the tile knew
  }
}

/** A card beside its asset that moves with the map and stays inside it. */
export class CardPopup {
  private readonly pop = element("div", { class: "map-pop" });
  private at: Position | undefined;

  constructor(
    private readonly box: HTMLElement,
    private readonly map: CityMap,
    private readonly page: Page,
    private readonly leads: CardAddresses,
  ) {
    this.pop.hidden = true;
    box.append(this.pop);
    this.pop.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.show(undefined);
    });
    new ResizeObserver(() => this.put()).observe(this.pop);
    void map.ready.then(() => this.map.canvas?.on("move", () => this.put()));
  }

  show(asset: ShownAsset | undefined, focus = false): void {
    this.map.point(asset?.id);
    if (asset === undefined) this.hide();
    else this.showBody(cardOf(this.page, asset, this.leads, () => this.show(undefined)), asset.at, focus);
  }

  /** A card of something else, beside a place in the map's own coordinates. */
  showBody(body: HTMLElement, at: Position, focus = false): void {
    this.at = at;
    this.pop.hidden = false;
    this.pop.replaceChildren(body);
    this.put();
    if (focus) this.pop.querySelector<HTMLElement>("a, button")?.focus();
  }

  get open(): boolean {
    return this.at !== undefined;
  }

  private hide(): void {
    // who was in it goes on where it stood
    if (this.pop.contains(document.activeElement)) this.map.canvas?.getCanvas().focus();
    this.at = undefined;
    this.pop.hidden = true;
    this.pop.replaceChildren();
  }

  private put(): void {
    if (this.at === undefined || this.map.canvas === undefined) return;
    const { x, y } = this.map.canvas.project(this.at);
    const { clientWidth, clientHeight } = this.box;
    const width = Math.min(WIDTH_PX, clientWidth - 2 * MARGIN_PX);
    const height = this.pop.offsetHeight;
    const above = y - GAP_PX - height >= MARGIN_PX;
    const left = Math.min(Math.max(x - width / 2, MARGIN_PX), clientWidth - width - MARGIN_PX);
    const top = above ? y - GAP_PX - height : Math.min(y + GAP_PX, clientHeight - height - MARGIN_PX);
    this.pop.style.transform = `translate(${Math.round(left)}px, ${Math.round(Math.max(top, MARGIN_PX))}px)`;
  }
}

/** The name of what the pointer rests on, beside the pointer. */
export class Tip {
  private readonly tip = element("div", { class: "map-tip", "aria-hidden": "true" });

  constructor(
    box: HTMLElement,
    private readonly map: CityMap,
  ) {
    this.tip.hidden = true;
    box.append(this.tip);
  }

  show(asset: ShownAsset | undefined): void {
    this.tip.hidden = asset === undefined || asset.name === "";
    if (asset === undefined || this.map.canvas === undefined) return;
    this.tip.textContent = asset.name;
    const { x, y } = this.map.canvas.project(asset.at);
    this.tip.style.transform = `translate(${Math.round(x) + 14}px, ${Math.round(y) + 10}px)`;
  }
}
