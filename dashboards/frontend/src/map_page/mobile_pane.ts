// Vehicles, recorders and handsets in view, as lines for those who can't see the map, and the card of one.
// words: mobile_one.*
import { addressed } from "../citymap/facts";
import { pictureOf } from "../citymap/icons";
import { isFresh, mobileIcon, type MobilePlaces, type MobileResource } from "../citymap/mobile";
import { element } from "../elements";
import { ago, quantity } from "../format";
import { type Page, part, say } from "../page";

const MOST_LISTED = 40;

export class MobilePane {
  private readonly box = part<HTMLDetailsElement>("[data-mobile-box]");
  private readonly list = part("[data-mobile-list]");

  constructor(
    private readonly page: Page,
    private readonly onChoose: (resource: MobileResource) => void,
  ) {}

  hide(): void {
    this.box.hidden = true;
  }

  /** Those of `places` that are seen: who was heard last at the top. */
  show(places: MobilePlaces, inside: (resource: MobileResource) => boolean): void {
    const { t } = this.page;
    const now = Date.now();
    const seen = places.resources.filter(inside);
    const fresh = seen.filter((each) => isFresh(each, places, now)).length;
    this.box.hidden = false;
    say(part("[data-mobile-summary]"), t("map.mobile_in_view", { total: seen.length, fresh }));
    part("[data-mobile-cut]").hidden = seen.length <= MOST_LISTED;
    const shown = seen.slice(0, MOST_LISTED);
    const before = [...this.list.children].map((line) => (line as HTMLElement).dataset.line).join();
    if (before !== shown.map((each) => String(each.id)).join()) {
      const focused = document.activeElement?.closest<HTMLElement>("[data-mobile-list] [data-line]")?.dataset.line;
      this.list.replaceChildren(...shown.map((each) => this.line(each)));
      if (focused !== undefined) this.list.querySelector<HTMLElement>(`[data-line="${focused}"] button`)?.focus();
    }
    shown.forEach((each, index) => this.fill(this.list.children[index], each, isFresh(each, places, now), now));
  }

  private line(resource: MobileResource): HTMLElement {
    const words = element("span", {}, element("strong", {}, resource.name), element("span", { class: "soft small", "data-said": "" }));
    const button = element("button", { type: "button", class: "map-line" }, words);
    button.addEventListener("click", () => this.onChoose(resource));
    return element("li", { "data-line": String(resource.id) }, button);
  }

  private fill(line: Element | undefined, resource: MobileResource, fresh: boolean, now: number): void {
    if (line === undefined) return;
    const { t } = this.page;
    const said = [t(fresh ? "mobile.online" : "mobile.offline"), ago(resource.toldAt, now, t), resource.unit].filter((each) => each !== "");
    say(part("[data-said]", line), said.join(" · "));
    const name = mobileIcon(resource.kind, fresh);
    if ((line as HTMLElement).dataset.icon === name) return;
    (line as HTMLElement).dataset.icon = name;
    line.querySelector("canvas")?.remove();
    part("button", line).prepend(pictureOf(name, t(`mobile_one.${resource.kind}`)));
  }
}

/** The card of one; `address` leads to its own page and ends in the id 0. */
export function mobileCard(page: Page, resource: MobileResource, fresh: boolean, address: string, close: () => void): HTMLElement {
  const { t } = page;
  const button = element("button", { type: "button", class: "map-pop-close", "aria-label": t("map.close") }, "×");
  button.addEventListener("click", close);
  const told = ago(resource.toldAt, Date.now(), t);
  const facts = [t(`mobile_one.${resource.kind}`), resource.number === resource.name ? "" : resource.number, resource.unit].filter((each) => each !== "");
  const speed = resource.speedKmh === undefined || !fresh ? "" : ` · ${quantity(resource.speedKmh, 0, t("unit.km/h"))}`;
  return element(
    "section",
    { class: "map-pop-body", "aria-label": resource.name },
    element("div", { class: "map-pop-head" }, pictureOf(mobileIcon(resource.kind, fresh), ""), element("strong", {}, resource.name), button),
    element("p", { class: "soft small" }, facts.join(" · ")),
    element("p", {}, element("strong", {}, t(fresh ? "mobile.online" : "mobile.offline")), ` · ${t("map.mobile_told", { ago: told })}${speed}`),
    element("p", { class: "map-pop-links" }, element("a", { href: addressed(address, resource.id ?? 0) }, t("map.mobile_open"))),
  );
}
