// Small pieces that every screen of the app is built of.
import { cityNow } from "../clock";
import { element, shapeOf } from "../elements";
import { ago, countdown, duration } from "../format";
import { part, type Page } from "../page";
import { bearing, metres, rounded, wind, type Spot } from "./ways";

export { element, shapeOf };

export type Child = Node | string | undefined | false;

/** An element; what is undefined or false is left out. */
export function make<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Readonly<Record<string, string>> = {}, ...children: readonly Child[]): HTMLElementTagNameMap[K] {
  return element(tag, attributes, ...children.filter((child): child is Node | string => child !== undefined && child !== false && child !== ""));
}

/** A picture of the page's set. */
export function icon(name: string): Node {
  const drawn = part<HTMLTemplateElement>("template[data-icons]").content.querySelector(`[data-icon="${name}"] > svg`);
  return drawn === null ? document.createTextNode("") : drawn.cloneNode(true);
}

export function button(words: string, does: () => void, look = "", picture = ""): HTMLButtonElement {
  const made = make("button", { type: "button", class: `button ${look}`.trim() }, picture !== "" && icon(picture), words);
  made.addEventListener("click", does);
  return made;
}

export function link(address: string, look: string, ...children: readonly Child[]): HTMLAnchorElement {
  return make("a", { href: address, class: look }, ...children);
}

export function time(iso: string, page: Page, countsDown = false): HTMLTimeElement {
  const ms = Date.parse(iso);
  const made = make("time", { datetime: iso, title: page.moment(ms) });
  made.dataset[countsDown ? "countdown" : "ago"] = "";
  const words = countsDown ? countdown(ms, cityNow(), page.t) : undefined;
  made.textContent = words?.text ?? ago(ms, cityNow(), page.t);
  if (words !== undefined && words.state !== "calm") made.classList.add(words.state);
  return made;
}

/** "14:05", with its day where that is not today, and its year where that is not this year. */
export function clockOf(iso: string, page: Page): string {
  const told = page.moment(Date.parse(iso));
  const now = page.moment(cityNow());
  const known = now.slice(0, 10) === told.slice(0, 10) ? "2026-03-02 ".length : now.slice(0, 4) === told.slice(0, 4) ? "2026-".length : 0;
  return told.slice(known, -":00".length);
}

/** How long ago something was, softly beside the moment itself. */
export function beside(iso: string, page: Page): HTMLTimeElement {
  const made = time(iso, page);
  made.classList.add("beside");
  return made;
}

/** A moment by the city's clock with how long ago that is, or how long until then with the clock. */
export function moment(iso: string, page: Page, countsDown = false): HTMLElement {
  const clock = clockOf(iso, page);
  const both = countsDown ? [time(iso, page, true), " ", make("span", { class: "beside" }, clock)] : [clock, " ", beside(iso, page)];
  return make("span", { class: "moment" }, ...both);
}

export const span = (minutes: number, page: Page): string => duration(minutes * 60, page.t);

/** How far and which way, with an arrow that points there when the phone's top points north. */
export function way(from: Spot | undefined, to: Spot, page: Page): HTMLElement | undefined {
  if (from === undefined) return undefined;
  const far = rounded(metres(from, to));
  const degrees = bearing(from, to);
  const arrow = icon("arrow");
  if (arrow instanceof SVGElement) arrow.style.transform = `rotate(${Math.round(degrees)}deg)`;
  return make("span", { class: "way" }, arrow, `${far.n} ${far.unit} ${page.t(`wind.${wind(degrees)}`)}`);
}

export function empty(title: string, text: string, good = false): HTMLElement {
  return make("div", { class: "empty" }, shapeOf(good ? 0 : 1), make("strong", {}, title), make("p", { class: "soft" }, text));
}

export function message(level: 0 | 1 | 2 | 3, ...children: readonly Child[]): HTMLElement {
  const look = ["ok", "info", "warn", "error"][level] ?? "info";
  return make("div", { class: `message ${look}` }, shapeOf(level), make("div", { class: "grow" }, ...children));
}

/** The values of a list of facts. */
export function facts(rows: readonly (readonly [string, Child])[]): HTMLElement {
  const list = make("dl", { class: "facts" });
  for (const [name, value] of rows) if (value !== undefined && value !== "" && value !== false) list.append(make("dt", {}, name), make("dd", {}, value));
  return list;
}
