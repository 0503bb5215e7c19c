// Chooses one or several of a list that can be searched: the variables above a board, points to explore.
import { element } from "../elements";
import type { Page } from "../page";
import { say } from "../page";
import type { Choice } from "./shapes";

export interface ChooserOptions {
  readonly label: string;
  readonly several: boolean;
  /** what there is to choose for what was typed */
  readonly find: (search: string) => Promise<readonly Choice[]>;
  /** how those are called that were chosen before */
  readonly named: (values: readonly string[]) => Promise<readonly Choice[]>;
  /** whether typing costs a question to the server */
  readonly remote: boolean;
  /** what stands there when nothing is chosen; without it nothing chosen means all */
  readonly none?: string;
  readonly onChange: (values: readonly string[]) => void;
}

const SHOWN = 200;
const TYPING_MS = 250;
let made = 0;

export class Chooser {
  readonly box: HTMLDetailsElement;
  private readonly summary = element("span", { class: "board-chosen" });
  private readonly list = element("ul", { class: "board-choices" });
  private readonly field: HTMLInputElement;
  private readonly group = `chooser-${(made += 1)}`;
  private chosen: readonly string[] = [];
  private known = new Map<string, string>();
  private asked = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly options: ChooserOptions,
    private readonly page: Page,
  ) {
    this.field = element("input", { class: "input", type: "search", "aria-label": page.t("board.search_in", { name: options.label }), placeholder: page.t("board.search"), autocomplete: "off", spellcheck: "false" });
    this.box = element(
      "details",
      { class: "menu board-chooser" },
      element("summary", { class: "button" }, element("span", { class: "soft" }, options.label), this.summary),
      element("div", { class: "menu-body" }, this.field, this.list),
    );
    this.box.addEventListener("toggle", () => {
      if (!this.box.open) return;
      this.field.value = "";
      void this.fill("");
      this.field.focus();
    });
    this.field.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => void this.fill(this.field.value.trim()), options.remote ? TYPING_MS : 0);
    });
    this.box.addEventListener("keydown", (event) => this.key(event));
  }

  /** What is chosen, in words; undefined where nothing is. */
  get words(): string | undefined {
    return this.chosen.length === 0 ? undefined : this.chosen.map((value) => this.known.get(value) ?? value).join(", ");
  }

  set(values: readonly string[]): void {
    this.chosen = values;
    this.write();
    if (values.every((value) => this.known.has(value))) return;
    void this.options.named(values).then(
      (found) => {
        this.learn(found);
        this.write();
      },
      () => undefined, // their values stand in the place of their names
    );
  }

  private learn(found: readonly Choice[]): void {
    for (const { value, name } of found) this.known.set(String(value), name);
  }

  private write(): void {
    const [first] = this.chosen;
    const words =
      first === undefined
        ? (this.options.none ?? this.page.t("board.all"))
        : this.chosen.length === 1
          ? (this.known.get(first) ?? first)
          : this.page.t("board.several", { n: this.chosen.length });
    say(this.summary, words);
    this.box.classList.toggle("board-chooser-set", first !== undefined);
  }

  private async fill(search: string): Promise<void> {
    const mine = ++this.asked;
    let found: readonly Choice[];
    try {
      found = await this.options.find(search);
      this.learn(found);
    } catch {
      if (mine !== this.asked) return;
      this.list.replaceChildren(element("li", { class: "soft small" }, this.page.t("board.search_failed")));
      return;
    }
    if (mine !== this.asked) return;
    const there = new Set(found.map(({ value }) => String(value)));
    // what is chosen can be taken back, whatever is searched for
    const kept = this.chosen.filter((value) => !there.has(value)).map((value) => ({ value, name: this.known.get(value) ?? value }));
    const shown = [...kept, ...found];
    const none = shown.length === 0 ? [element("li", { class: "soft small" }, this.page.t(this.options.remote && search === "" ? "board.type_to_search" : "board.none_found"))] : [];
    const all = search === "" && this.options.none === undefined ? [this.entry({ value: "", name: this.page.t("board.all") })] : [];
    const rest = shown.length > SHOWN ? [element("li", { class: "soft small" }, this.page.t("board.and_more", { n: shown.length - SHOWN }))] : [];
    this.list.replaceChildren(...all, ...shown.slice(0, SHOWN).map((choice) => this.entry(choice)), ...rest, ...none);
  }

  private entry(choice: Choice): HTMLElement {
    const value = String(choice.value);
    const on = value === "" ? this.chosen.length === 0 : this.chosen.includes(value);
    const type = this.options.several && value !== "" ? "checkbox" : "radio";
    const input = element("input", { type, name: this.group, value });
    input.checked = on;
    // Radios of a list would answer the arrow keys with a choice each; they are walked through here instead.
    input.addEventListener("click", () => this.pick(value, input.checked));
    return element("li", {}, element("label", {}, input, element("span", {}, choice.name)));
  }

  private pick(value: string, on: boolean): void {
    if (value === "") this.chosen = [];
    else if (this.options.several) this.chosen = on ? [...this.chosen.filter((each) => each !== value), value] : this.chosen.filter((each) => each !== value);
    else this.chosen = [value];
    this.write();
    this.options.onChange(this.chosen);
    if (this.options.several && value !== "") {
      const all = this.list.querySelector<HTMLInputElement>('input[value=""]');
      if (all !== null) all.checked = this.chosen.length === 0;
      return;
    }
    for (const input of this.list.querySelectorAll<HTMLInputElement>("input")) input.checked = input.value === value;
    this.box.open = false;
    this.box.querySelector("summary")?.focus();
  }

  private key(event: KeyboardEvent): void {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const places = [...(this.field.hidden ? [] : [this.field]), ...this.list.querySelectorAll<HTMLInputElement>("input")];
    const at = places.indexOf(document.activeElement as HTMLInputElement);
    const next = places[at + (event.key === "ArrowDown" ? 1 : -1)];
    event.preventDefault();
    next?.focus();
  }
}
