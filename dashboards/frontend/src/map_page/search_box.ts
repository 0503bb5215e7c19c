// The map's search box: a list that opens while one types, arrows to choose, Enter to fly there.
import { fetchJson, Refused } from "../answers";
import { element } from "../elements";
import type { Position } from "../geometry";
import { type Page, part, say } from "../page";

export interface Found {
  readonly kind: "asset" | "road" | "area" | "place";
  readonly name: string;
  readonly detail?: string;
  readonly lon: number;
  readonly lat: number;
  readonly bbox?: readonly [number, number, number, number];
  readonly id?: number;
  readonly href?: string;
}

const WAIT_MS = 160;

export class SearchBox {
  private readonly form = part<HTMLFormElement>("[data-search-form]");
  private readonly input = part<HTMLInputElement>("input", this.form);
  private readonly list = part("[role=listbox]", this.form);
  private readonly status = part("[data-found-status]", this.form);
  private found: readonly Found[] = [];
  private chosen = -1;
  /** whether the list answers the words as they stand now */
  private answers = true;
  private asking: AbortController | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly address: string,
    private readonly page: Page,
    private readonly onGo: (found: Found) => void,
  ) {}

  start(): void {
    this.input.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.answers = false;
      this.timer = setTimeout(() => void this.ask(), WAIT_MS);
    });
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.input.addEventListener("focus", () => this.show(this.found.length > 0));
    this.form.addEventListener("focusout", (event) => {
      if (!(event.relatedTarget instanceof Node) || !this.form.contains(event.relatedTarget)) this.show(false);
    });
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.enter();
    });
    // a press must not take the focus away before the click arrives
    this.list.addEventListener("pointerdown", (event) => event.preventDefault());
    this.list.addEventListener("click", (event) => {
      const line = (event.target as Element).closest<HTMLElement>("[data-index]");
      if (line !== null) this.go(Number(line.dataset.index));
    });
    document.addEventListener("keydown", (event) => {
      const typing = event.target instanceof Element && event.target.closest("input, textarea, select, [contenteditable]") !== null;
      if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      this.input.focus();
      this.input.select();
    });
  }

  private async ask(): Promise<void> {
    const q = this.input.value.trim();
    this.asking?.abort();
    if (q === "") {
      this.put([]);
      return;
    }
    const asking = new AbortController();
    this.asking = asking;
    try {
      const answer = await fetchJson<{ found: Found[] }>(`${this.address}?q=${encodeURIComponent(q)}`, asking.signal);
      if (asking === this.asking) this.put(answer.found, this.page.t("map.search_none", { q }));
    } catch (error) {
      if (asking !== this.asking || asking.signal.aborted) return;
      this.put([], error instanceof Refused ? error.message : this.page.t("map.search_lost"));
    }
  }

  private put(found: readonly Found[], nothing = ""): void {
    const { t } = this.page;
    this.found = found;
    this.answers = true;
    this.list.replaceChildren(
      ...found.map((each, index) =>
        element(
          "li",
          { role: "option", id: `map-found-${index}`, "data-index": String(index), "aria-selected": "false" },
          element("span", { class: "map-found-kind" }, t(`map.kind.${each.kind}`)),
          element("span", { class: "map-found-name" }, each.name, element("span", { class: "soft small" }, each.detail ?? "")),
        ),
      ),
    );
    if (found.length === 0 && nothing !== "") this.list.append(element("li", { class: "soft map-found-none" }, nothing));
    say(this.status, found.length === 0 ? nothing : t("map.found_n", { n: found.length }));
    this.choose(found.length > 0 ? 0 : -1);
    this.show(found.length > 0 || nothing !== "");
  }

  private key(event: KeyboardEvent): void {
    if (event.key === "Escape") {
      if (!this.list.hidden) event.preventDefault(); // the words stay, the list goes
      this.show(false);
      return;
    }
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step === 0 || this.found.length === 0) return;
    event.preventDefault();
    this.show(true);
    this.choose((this.chosen + step + this.found.length) % this.found.length);
  }

  /** Enter goes to what is chosen; typed quicker than the answer came, to the first of the answer. */
  private async enter(): Promise<void> {
    clearTimeout(this.timer);
    if (!this.answers || this.chosen < 0) await this.ask();
    if (this.found.length > 0) this.go(Math.max(this.chosen, 0));
  }

  private go(index: number): void {
    const found = this.found[index];
    if (found === undefined) return;
    clearTimeout(this.timer);
    this.asking?.abort();
    this.asking = undefined;
    this.answers = false;
    this.input.value = found.name;
    this.show(false);
    this.onGo(found);
  }

  private choose(index: number): void {
    this.chosen = index;
    const lines = [...this.list.querySelectorAll<HTMLElement>("[role=option]")];
    lines.forEach((line, at) => line.setAttribute("aria-selected", String(at === index)));
    if (index >= 0) this.input.setAttribute("aria-activedescendant", `map-found-${index}`);
    else this.input.removeAttribute("aria-activedescendant");
    lines[index]?.scrollIntoView({ block: "nearest" });
  }

  private show(open: boolean): void {
    this.list.hidden = !open;
    this.input.setAttribute("aria-expanded", String(open && this.found.length > 0));
  }
}

export function placeOf(found: Found): { at: Position; zoom: number } {
  return { at: [found.lon, found.lat], zoom: found.kind === "asset" ? 18 : 17 };
}
