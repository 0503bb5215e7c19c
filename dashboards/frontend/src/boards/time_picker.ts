// Which span of time: quick ranges, two moments of the city's clock, further back, closer, and how often to look again.
import { cityNow } from "../clock";
import { element } from "../elements";
import { type Page, say } from "../page";
import { fieldOf, fixed, isLive, lengthWords, momentOfField, movedSaying, QUICK, type Saying, sayingOf, scaledSaying, type Span, spanNow, spanOf, spanWords } from "./span";

const EVERY_S = [0, 5, 10, 30, 60, 300, 900] as const;

export class TimePicker {
  private readonly words = element("span", { class: "board-chosen" });
  private readonly from = element("input", { class: "input", type: "datetime-local", step: "60" });
  private readonly to = element("input", { class: "input", type: "datetime-local", step: "60" });
  private readonly problem = element("p", { class: "problem", role: "alert", hidden: "" });
  private readonly quick = element("ul", { class: "board-quick" });
  private readonly menu: HTMLDetailsElement;
  private readonly on: HTMLButtonElement;
  private readonly paused = element("span", { class: "small board-paused", role: "status" });
  private readonly resume: HTMLButtonElement;
  /** the last span that went on by itself */
  private live: Saying | undefined;
  private said: Saying = { from: "-24h", to: "now" };

  constructor(
    box: HTMLElement,
    private readonly page: Page,
    private readonly onChange: (said: Saying) => void,
    /** what the page begins with */
    usual: Saying,
  ) {
    this.live = isLive(usual) ? usual : undefined;
    const { t } = page;
    for (const length of QUICK) {
      const button = element("button", { type: "button", "data-length": length }, t("board.last", { span: lengthWords(length, t) }));
      button.addEventListener("click", () => this.choose({ from: length, to: "now" }));
      this.quick.append(element("li", {}, button));
    }
    const apply = element("button", { type: "submit", class: "button primary" }, t("board.apply"));
    const form = element(
      "form",
      { class: "form board-moments" },
      element("p", { class: "soft small" }, t("board.zone", { zone: page.zone })),
      element("label", { class: "field" }, element("span", { class: "label-text" }, t("board.from")), this.from),
      element("label", { class: "field" }, element("span", { class: "label-text" }, t("board.to")), this.to),
      this.problem,
      apply,
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.apply();
    });
    this.menu = element(
      "details",
      { class: "menu board-time" },
      element("summary", { class: "button" }, element("span", { class: "soft" }, t("board.span")), this.words),
      element("div", { class: "menu-body" }, this.quick, form),
    );
    // a page that goes on by itself may have stood for hours since its span was chosen
    this.menu.addEventListener("toggle", () => {
      if (this.menu.open) this.writeFields();
    });
    const step = (name: string, sign: string, act: () => void): HTMLButtonElement => {
      const button = element("button", { type: "button", class: "button board-step", title: name, "aria-label": name }, sign);
      button.addEventListener("click", act);
      return button;
    };
    this.on = step(t("board.later"), "›", () => this.move(1));
    this.resume = element("button", { type: "button", class: "button board-resume", hidden: "" }, t("board.resume"));
    this.resume.addEventListener("click", () => {
      this.menu.querySelector("summary")?.focus();
      this.onChange(this.live ?? { from: sayingOf(this.lengthMs()), to: "now" });
    });
    box.append(
      element(
        "div",
        { class: "board-steps" },
        step(t("board.earlier"), "‹", () => this.move(-1)),
        this.menu,
        this.on,
        step(t("board.wider"), "−", () => this.scale(2)),
        step(t("board.closer"), "+", () => this.scale(0.5)),
      ),
      this.paused,
      this.resume,
    );
  }

  show(said: Saying): void {
    this.said = said;
    const { t, zone } = this.page;
    const span = this.span();
    const short = (ms: number): string => fieldOf(ms, zone).replace("T", " ");
    say(this.words, spanWords(said, span, t, short));
    this.writeFields();
    const goesOn = isLive(said);
    if (goesOn) this.live = said;
    this.on.disabled = goesOn;
    say(this.paused, goesOn ? "" : t("board.paused"));
    this.resume.hidden = goesOn;
    for (const button of this.quick.querySelectorAll<HTMLElement>("[data-length]")) {
      button.setAttribute("aria-pressed", String(said.to === "now" && button.dataset.length === said.from));
    }
  }

  /** Half a span further: -1 back, 1 on. */
  move(by: number): void {
    this.onChange(movedSaying(this.said, this.span(), by, cityNow()));
  }

  scale(factor: number): void {
    this.onChange(scaledSaying(this.said, this.span(), factor, cityNow()));
  }

  private writeFields(): void {
    const { fromMs, toMs } = this.span();
    const { zone } = this.page;
    this.from.value = fieldOf(fromMs, zone);
    this.to.value = fieldOf(toMs, zone);
    this.problem.hidden = true;
  }

  private lengthMs(): number {
    const { fromMs, toMs } = this.span();
    return toMs - fromMs;
  }

  private span(): Span {
    return spanNow(this.said);
  }

  private choose(said: Saying): void {
    this.menu.open = false;
    this.menu.querySelector("summary")?.focus();
    this.onChange(said);
  }

  private apply(): void {
    const fromMs = momentOfField(this.from.value, this.page.zone);
    const toMs = momentOfField(this.to.value, this.page.zone);
    const wrong = fromMs === undefined || toMs === undefined || spanOf(fixed({ fromMs, toMs }), cityNow()) === undefined;
    this.problem.hidden = !wrong;
    if (wrong) say(this.problem, this.page.t("board.span_wrong"));
    else this.choose(fixed({ fromMs, toMs }));
  }
}

/** How often the board is asked anew. */
export class RefreshPicker {
  private readonly select: HTMLSelectElement;

  constructor(box: HTMLElement, page: Page, usualS: number, onEvery: (seconds: number) => void, onNow: () => void) {
    const { t } = page;
    const choices = [...new Set([...EVERY_S, usualS])].sort((one, other) => one - other);
    const words = (seconds: number): string =>
      seconds === 0 ? t("board.refresh_never") : seconds < 60 ? t("board.length.s", { n: seconds }) : t("board.length.min", { n: seconds / 60 });
    this.select = element(
      "select",
      { class: "input board-every", "aria-label": t("board.refresh_every") },
      ...choices.map((seconds) => element("option", { value: String(seconds) }, words(seconds))),
    );
    this.select.value = String(usualS);
    this.select.addEventListener("change", () => onEvery(Number(this.select.value)));
    const now = element("button", { type: "button", class: "button board-step", title: t("board.refresh_now"), "aria-label": t("board.refresh_now") }, "↻");
    now.addEventListener("click", onNow);
    box.append(element("div", { class: "board-steps" }, now, this.select));
  }
}
