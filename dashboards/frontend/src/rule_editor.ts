// The rule editor: what the rule says while it is typed, what is wrong beside the fields, the week painted by dragging.
import { BacktestPanel, type TriedRule } from "./backtest";
import { element } from "./elements";
import { type Page, part, say, thisPage } from "./page";

const PAUSE_MS = 350;

interface Draft {
  readonly rule: TriedRule | null;
  readonly who: string;
  readonly fires: string;
  readonly clears: string;
  readonly more: readonly string[];
  readonly unit: string;
  readonly problems: readonly { readonly field: string; readonly name: string; readonly problem: string }[];
}

class Editor {
  private readonly form = part<HTMLFormElement>("[data-rule-form]");
  private readonly token = part<HTMLInputElement>("[name=csrf_token]", this.form).value;
  private readonly panel: BacktestPanel;
  private asked: AbortController | undefined;
  private timer = 0;

  constructor(page: Page) {
    this.panel = new BacktestPanel(page, this.token, (fire, clear) => this.use(fire, clear));
    this.form.addEventListener("input", () => this.soon());
    this.form.addEventListener("change", () => this.soon());
    this.startKind();
    this.startWeek(page);
    void this.look();
  }

  private soon(): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.look(), PAUSE_MS);
  }

  /** Asks the server what the form says: sentences and problems are its business, in one place. */
  private async look(): Promise<void> {
    this.asked?.abort();
    const mine = new AbortController();
    this.asked = mine;
    const fields = new URLSearchParams();
    for (const [name, value] of new FormData(this.form)) if (typeof value === "string") fields.append(name, value);
    if (!fields.has("key")) fields.set("key", decodeURIComponent(location.pathname.split("/").pop() ?? ""));
    try {
      const response = await fetch(this.form.dataset.draft ?? "", {
        method: "POST",
        body: fields,
        headers: { Accept: "application/json", "X-CSRFToken": this.token },
        credentials: "same-origin",
        signal: mine.signal,
      });
      if (response.ok) this.show((await response.json()) as Draft);
    } catch {
      // the next keystroke asks again; saving tells what is wrong anyway
    }
  }

  private show(draft: Draft): void {
    if (draft.rule !== null) {
      say(part("[data-who]"), draft.who);
      say(part("[data-fires]"), draft.fires);
      say(part("[data-clears]"), draft.clears);
      part("[data-more]").replaceChildren(...draft.more.map((line) => element("li", {}, line)));
      for (const place of this.form.querySelectorAll("[data-level-unit]")) say(place, draft.unit);
    }
    this.mark(draft.problems);
    this.panel.tried(draft.problems.length === 0 ? draft.rule : null, true);
  }

  /** What is wrong stands below its field, as the server puts it there when it is saved. */
  private mark(problems: Draft["problems"]): void {
    for (const old of this.form.querySelectorAll("[data-live-problem]")) old.remove();
    for (const field of this.form.querySelectorAll("[data-live-wrong]")) {
      field.removeAttribute("data-live-wrong");
      field.removeAttribute("aria-invalid");
      field.removeAttribute("aria-describedby");
    }
    for (const { field, name, problem } of problems) {
      const place = document.getElementById(field) ?? document.getElementById(field.replace(/\[\d+\]$|\.\w+$/, ""));
      if (place === null || !this.form.contains(place)) continue;
      const id = `live-${field}`;
      const told = element("p", { class: "problem", id, "data-live-problem": "" }, place.id === field ? problem : `${name}: ${problem}`);
      (place.closest(".field") ?? place).append(told);
      if (place.matches("input, select, textarea")) {
        place.setAttribute("aria-invalid", "true");
        place.setAttribute("aria-describedby", id);
        place.setAttribute("data-live-wrong", "");
      }
    }
  }

  private startKind(): void {
    const button = part<HTMLButtonElement>("[data-kind-button]", this.form);
    button.hidden = true;
    part("[data-kind]", this.form).addEventListener("change", () => this.form.requestSubmit(button));
  }

  private use(fire: number, clear: number): void {
    const put = (name: string, value: number): void => {
      const field = this.form.elements.namedItem(name);
      if (field instanceof HTMLInputElement) field.value = String(value);
    };
    put("condition.fire", fire);
    put("condition.clear", clear);
    this.soon();
  }

  /** Press on an hour and drag: all hours of the rectangle become what the first one became. */
  private startWeek(page: Page): void {
    const week = part("[data-week]", this.form);
    const boxes = [...week.querySelectorAll<HTMLInputElement>("input")];
    const place = (box: HTMLInputElement): [number, number] => {
      const [day, hour] = box.value.split("-").map(Number);
      return [day ?? 0, hour ?? 0];
    };
    let from: HTMLInputElement | undefined;
    let on = false;
    let before: boolean[] = [];
    const boxAt = (event: PointerEvent): HTMLInputElement | null =>
      document.elementFromPoint(event.clientX, event.clientY)?.closest("td")?.querySelector("input") ?? null;
    week.addEventListener("pointerdown", (event) => {
      const box = boxAt(event);
      if (box === null || event.pointerType === "touch") return;
      event.preventDefault();
      [from, on, before] = [box, !box.checked, boxes.map((each) => each.checked)];
      box.checked = on;
      box.focus();
    });
    week.addEventListener("click", (event) => {
      if (event.target instanceof HTMLInputElement && event.detail > 0 && from !== undefined) event.preventDefault();
      from = undefined;
    });
    week.addEventListener("pointermove", (event) => {
      const to = boxAt(event);
      if (from === undefined || to === null || event.buttons === 0) return;
      const [[day, hour], [lastDay, lastHour]] = [place(from), place(to)];
      boxes.forEach((box, index) => {
        const [d, h] = place(box);
        const within = (d - day) * (d - lastDay) <= 0 && (h - hour) * (h - lastHour) <= 0;
        box.checked = within ? on : (before[index] ?? false);
      });
    });
    const tell = (): void => {
      const count = boxes.filter((box) => box.checked).length;
      const words = count === boxes.length ? page.t("rules.hours_always") : page.t("rules.hours_some", { count });
      say(part("[data-hours-words]"), words);
      this.soon();
    };
    addEventListener("pointerup", () => {
      if (from !== undefined) tell();
      setTimeout(() => (from = undefined));
    });
    week.addEventListener("change", tell);
    week.addEventListener("keydown", (event) => {
      const steps: Record<string, number> = { ArrowUp: -7, ArrowDown: 7, ArrowLeft: -1, ArrowRight: 1 };
      const step = steps[event.key];
      const index = boxes.findIndex((box) => box === document.activeElement);
      if (step === undefined || index < 0) return;
      event.preventDefault();
      boxes[index + step]?.focus();
    });
  }
}

void thisPage().then((page) => new Editor(page));
