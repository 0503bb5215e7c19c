// The back-test beside the editor: runs piece by piece with progress, can be stopped, and draws what it found.
import { fetchJson, type PointValue, Refused, refusal, type SeriesAnswer } from "./answers";
import {
  type Backtest,
  type Compared,
  everyDay,
  joined,
  type PastAlert,
  type Share,
  TALLIED,
  thresholds,
} from "./backtest_model";
import { Chart } from "./chart";
import { element, shapeOf } from "./elements";
import { quantity } from "./format";
import { type Page, part, say } from "./page";
import { lightOnPaper } from "./paper";
import { THEME_CHANGED } from "./theme";

const DAY_MS = 86_400_000;
const POINTS = 1000;
const SVG = "http://www.w3.org/2000/svg";

/** A rule as the API takes it; only what this panel looks at is named. */
export interface TriedRule {
  readonly key: string;
  readonly point: string | null;
  readonly condition: { readonly type: string } & Partial<Compared>;
}

interface Found {
  readonly items: readonly { readonly asset_id: number; readonly name: string }[];
}

interface Suggestion {
  readonly fire: number;
  readonly clear: number;
  readonly zh: string;
  readonly en: string;
}

export class BacktestPanel {
  private readonly box = part("[data-backtest]");
  private readonly results = part("[data-results]", this.box);
  private running: AbortController | undefined;
  private rule: TriedRule | null = null;
  private chart: Chart | undefined;
  private drawn: { alert: PastAlert; found: Backtest } | undefined;

  constructor(
    private readonly page: Page,
    private readonly token: string,
    private readonly use: (fire: number, clear: number) => void,
  ) {
    this.box.hidden = false;
    part<HTMLFormElement>("[data-span-form]", this.box).addEventListener("submit", (event) => {
      event.preventDefault();
      void this.run();
    });
    part("[data-stop]", this.box).addEventListener("click", () => this.running?.abort());
    addEventListener(THEME_CHANGED, () => this.chart?.draw());
    lightOnPaper();
  }

  /** The rule as it stands in the form; null while something in it is wrong. `again`: run anew if it ran before. */
  tried(rule: TriedRule | null, again: boolean): void {
    const differs = JSON.stringify(rule) !== JSON.stringify(this.rule);
    this.rule = rule;
    if (again && differs && rule !== null && !this.results.hidden) void this.run();
  }

  private async run(): Promise<void> {
    this.running?.abort();
    if (this.rule === null) {
      this.problem(this.page.t("rules.needs_sound"));
      return;
    }
    const mine = new AbortController();
    this.running = mine;
    this.problem("");
    this.busy(true);
    try {
      const found = await this.whole(this.rule, mine.signal);
      if (this.running === mine) this.spoken(this.page.t("rules.ran", { alerts: grouped(found.tally.fired) }));
    } catch (error) {
      if (this.running !== mine) return;
      if (mine.signal.aborted) this.spoken(this.page.t("rules.stopped"));
      else this.problem(this.page.t("rules.backtest_failed", { why: why(error) }));
    } finally {
      if (this.running === mine) this.busy(false);
    }
  }

  private async whole(rule: TriedRule, signal: AbortSignal): Promise<Backtest> {
    const until = Date.now();
    const days = Number(part<HTMLSelectElement>("select", this.box).value);
    const span = { since: new Date(until - days * DAY_MS).toISOString(), until: new Date(until).toISOString() };
    let found: Backtest | undefined;
    let after = 0;
    for (;;) {
      const piece = await this.ask<Backtest>(this.box.dataset.backtest ?? "", { rule, ...span, after }, signal);
      found = found === undefined ? piece : joined(found, piece);
      this.progress(found);
      this.show(found, rule);
      if (piece.next === null) return found;
      after = piece.next;
    }
  }

  private async ask<T>(address: string, body: unknown, signal?: AbortSignal): Promise<T> {
    const response = await fetch(address, {
      method: "POST",
      headers: {
        Accept: "application/json, application/problem+json",
        "Content-Type": "application/json",
        "X-CSRFToken": this.token,
      },
      credentials: "same-origin",
      body: JSON.stringify(body),
      signal: signal ?? null,
    });
    if (!response.ok) throw await refusal(response);
    return (await response.json()) as T;
  }

  private busy(on: boolean): void {
    part("[data-stop]", this.box).hidden = !on;
    part("[data-progress-box]", this.box).hidden = !on;
    this.box.setAttribute("aria-busy", String(on));
  }

  private progress(found: Backtest): void {
    const bar = part<HTMLProgressElement>("progress", this.box);
    bar.max = Math.max(found.assets_of, 1);
    bar.value = found.assets;
    const values = { done: grouped(found.assets), total: grouped(found.assets_of), alerts: grouped(found.tally.fired) };
    say(part("[data-progress-said]", this.box), this.page.t("rules.running", values));
  }

  private problem(text: string): void {
    const place = part("[data-backtest-problem]", this.box);
    place.hidden = text === "";
    say(place, text);
  }

  private spoken(text: string): void {
    say(part("[data-backtest-spoken]", this.box), text);
  }

  private show(found: Backtest, rule: TriedRule): void {
    this.results.hidden = false;
    const chart = this.drawn === undefined ? this.chartBox() : part(".rule-chart", this.results);
    const picked = this.drawn?.alert;
    this.results.replaceChildren(
      this.tallies(found),
      ...(found.days.length > 0 ? [this.days(found)] : []),
      chart,
      this.chooser(found, rule),
      ...(found.areas.length > 1 ? [this.areas(found.areas)] : []),
      this.listed(found, rule),
      ...(found.missed.length > 0 ? [this.missed(found)] : []),
      ...found.problems.map((each) => element("p", { class: "soft small" }, each)),
      element("p", { class: "soft small" }, this.page.t("rules.read", { count: grouped(found.read) })),
    );
    const first = found.alerts.find((each) => each.version !== "gone") ?? found.alerts[0];
    const wanted = found.alerts.find((each) => same(each, picked)) ?? first;
    if (wanted !== undefined) void this.draw(wanted, found, rule);
    else if (this.drawn === undefined) chart.hidden = true;
  }

  private tallies(found: Backtest): HTMLElement {
    const t = this.page.t;
    const head = ["", t("rules.this_rule"), ...(found.present === null ? [] : [t("rules.present_rule")])];
    const labels: Record<(typeof TALLIED)[number], string> = {
      fired: t("rules.alerts"),
      cases: t("rules.cases_at_least"),
      real: t("rules.real"),
      not_real: t("rules.not_real"),
      missed: t("rules.missed"),
      expected: t("rules.expected"),
      flapped: t("rules.flapped"),
    };
    const rows = TALLIED.map((name) =>
      element(
        "tr",
        {},
        element("th", { scope: "row" }, labels[name]),
        ...[found.tally, found.present].flatMap((side) => (side === null ? [] : [element("td", {}, grouped(side[name]))])),
      ),
    );
    const cells = head.map((words) => (words === "" ? element("td") : element("th", { scope: "col" }, words)));
    return element(
      "table",
      { class: "rule-tally" },
      element("thead", {}, element("tr", {}, ...cells)),
      element("tbody", {}, ...rows),
    );
  }

  /** Bars for each day: real ones dark, others light, the present rule's as a line across. */
  private days(found: Backtest): HTMLElement {
    const zone = new Intl.DateTimeFormat("sv-SE", { timeZone: this.page.zone });
    const all = everyDay(found.days, found.since_ms, found.until_ms, (ms) => zone.format(ms));
    const most = Math.max(1, ...all.map((each) => Math.max(each.fired, each.present_fired)));
    const picture = document.createElementNS(SVG, "svg");
    picture.setAttribute("viewBox", `0 0 ${all.length * 10} 60`);
    picture.setAttribute("preserveAspectRatio", "none");
    picture.setAttribute("class", "rule-days");
    picture.setAttribute("role", "img");
    picture.setAttribute("aria-label", this.page.t("rules.per_day"));
    all.forEach((day, place) => {
      const bar = (count: number, name: string, from: number, width: number): void => {
        if (count === 0) return;
        const height = (56 * count) / most;
        const rect = document.createElementNS(SVG, "rect");
        const box = { x: place * 10 + from, y: 60 - height, width, height, class: name };
        for (const [key, value] of Object.entries(box)) rect.setAttribute(key, String(value));
        const title = document.createElementNS(SVG, "title");
        title.textContent = `${day.key}: ${day.fired}`;
        rect.append(title);
        picture.append(rect);
      };
      bar(day.present_fired, "bar-present", 0.5, 9);
      bar(day.fired, "bar-fired", 2, 6);
      bar(day.real, "bar-real", 2, 6);
    });
    const legend = element(
      "p",
      { class: "soft small rule-legend" },
      ...(
        [
          ["bar-real", this.page.t("rules.real")],
          ["bar-fired", this.page.t("rules.this_rule")],
          ...(found.present === null ? [] : [["bar-present", this.page.t("rules.present_rule")] as const]),
        ] as const
      ).map(([name, words]) => element("span", { class: `rule-key ${name}` }, words)),
    );
    const ends = element(
      "p",
      { class: "soft small spread" },
      element("span", {}, all[0]?.key ?? ""),
      element("span", {}, `${this.page.t("rules.per_day")} ≤ ${grouped(most)}`),
      element("span", {}, all.at(-1)?.key ?? ""),
    );
    return element("figure", { class: "rule-figure" }, picture, ends, legend);
  }

  private areas(areas: readonly Share[]): HTMLElement {
    const t = this.page.t;
    const worst = [...areas].sort((one, other) => other.fired - one.fired).slice(0, 20);
    const rows = worst.map((each) =>
      element(
        "tr",
        {},
        element("th", { scope: "row" }, each.name || each.key || t("rules.no_area")),
        element("td", {}, grouped(each.fired)),
        element("td", {}, grouped(each.real)),
        element("td", {}, grouped(each.present_fired)),
      ),
    );
    const names = [t("rules.area"), t("rules.this_rule"), t("rules.real"), t("rules.present_rule")];
    const head = element("tr", {}, ...names.map((words) => element("th", { scope: "col" }, words)));
    const table = element("table", { class: "rule-tally" }, element("thead", {}, head), element("tbody", {}, ...rows));
    return fold(t("rules.per_area"), table);
  }

  private listed(found: Backtest, rule: TriedRule): HTMLElement {
    const t = this.page.t;
    if (found.alerts.length === 0) return element("p", {}, t("rules.none_would"));
    const lines = found.alerts.map((alert) => {
      const marks = [
        alert.version === "new" && found.present !== null ? t("rules.is_new") : "",
        alert.version === "gone" ? t("rules.is_gone") : "",
        alert.expected ? t("rules.expected") : alert.case_number === "" ? t("rules.not_real") : alert.case_number,
      ].filter((word) => word !== "");
      const button = element("button", { class: "rule-alert", type: "button", title: t("rules.look_in_chart") });
      button.append(shapeOf(alert.severity), element("span", { class: "grow" }, alert.asset_name));
      button.append(element("span", { class: "soft small" }, `${this.page.moment(alert.fired_ms)} · ${marks.join(" · ")}`));
      button.addEventListener("click", () => void this.draw(alert, found, rule, true));
      return element("li", { class: alert.version === "gone" ? "is-gone" : "" }, button);
    });
    const count = grouped(found.tally.fired);
    const title = found.listed_all
      ? t("rules.listed", { count })
      : t("rules.listed_some", { count, shown: grouped(found.alerts.length) });
    return fold(title, element("ul", { class: "rule-alerts" }, ...lines), true);
  }

  private missed(found: Backtest): HTMLElement {
    const lines = found.missed.map((each) =>
      element(
        "li",
        {},
        element("a", { href: `/cases/${each.id}` }, each.number),
        ` ${each.asset_name} · ${this.page.moment(each.opened_ms)}`,
      ),
    );
    return fold(this.page.t("rules.missed_list"), element("ul", {}, ...lines));
  }

  private chartBox(): HTMLElement {
    const readout = element("p", { class: "readout", "data-readout": "" }, "\u00a0");
    const canvas = element("div", { class: "chart", "data-chart": "" });
    return element("div", { class: "rule-chart" }, element("p", { class: "rule-chart-title" }), canvas, readout);
  }

  /** An asset by what people call it: its curve under this rule, and a number out of its own past. */
  private chooser(found: Backtest, rule: TriedRule): HTMLElement {
    const t = this.page.t;
    const input = element("input", { class: "input", id: "backtest-asset", autocomplete: "off" });
    const label = element("label", { for: "backtest-asset" }, t("rules.choose_asset"));
    const show = element("button", { class: "button" }, t("rules.show"));
    const suggest = element("button", { class: "button", type: "button" }, t("rules.suggest"));
    const told = element("p", { class: "small rule-suggestion", role: "status" });
    const form = element("form", { class: "rule-chooser" }, label, input, show, told);
    if (rule.condition.type === "limit") show.after(suggest);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.choose(input.value, found, rule).then((good) => say(told, good ? "" : t("rules.no_asset")));
    });
    suggest.addEventListener("click", () => void this.suggest(input.value, rule, told));
    return form;
  }

  private async named(text: string): Promise<number | undefined> {
    if (text.trim() === "") return this.drawn?.alert.asset_id;
    const found = await fetchJson<Found>(`/api/v1/assets/lookup?${new URLSearchParams({ text })}`).catch(() => undefined);
    if (found?.items[0] !== undefined) return found.items[0].asset_id;
    const query = new URLSearchParams({ q: text, limit: "1" });
    const listed = await fetchJson<{ items: readonly { id: number }[] }>(`/api/v1/assets?${query}`).catch(() => undefined);
    return listed?.items[0]?.id;
  }

  private async choose(text: string, found: Backtest, rule: TriedRule): Promise<boolean> {
    const id = await this.named(text);
    if (id === undefined) return false;
    const own = found.alerts.find((each) => each.asset_id === id);
    if (own !== undefined) {
      await this.draw(own, found, rule, true);
      return true;
    }
    const values = await pointsOf(id);
    const point = values.find((each) => each.name === rule.point) ?? (rule.point === null ? values[0] : undefined);
    if (point === undefined) return false;
    const none = { ...NO_ALERT, asset_id: id, asset_name: text, point_id: point.point_id, began_ms: found.since_ms };
    await this.draw({ ...none, fired_ms: found.until_ms, cleared_ms: found.since_ms }, found, rule, true);
    return true;
  }

  private async suggest(text: string, rule: TriedRule, told: HTMLElement): Promise<void> {
    const id = await this.named(text);
    if (id === undefined) {
      say(told, this.page.t("rules.no_asset"));
      return;
    }
    try {
      const found = await this.ask<Suggestion>(`/api/v1/assets/${id}/threshold`, { rule });
      const words = this.page.language === "zh" ? found.zh : found.en;
      const use = element("button", { class: "button quiet", type: "button" }, this.page.t("rules.use_suggestion"));
      use.addEventListener("click", () => this.use(found.fire, found.clear));
      told.replaceChildren(this.page.t("rules.suggestion", { value: String(found.fire), why: words }), " ", use);
    } catch (error) {
      say(told, why(error));
    }
  }

  /** The curve around one alert, with all alerts of its point behind it and the thresholds across. */
  private async draw(alert: PastAlert, found: Backtest, rule: TriedRule, look = false): Promise<void> {
    const box = this.results.querySelector<HTMLElement>(".rule-chart");
    if (box === null) return;
    box.hidden = false;
    this.drawn = { alert, found };
    this.chart ??= new Chart(part("[data-chart]", box), part("[data-readout]", box), this.page, (since, until) => {
      if (this.drawn !== undefined) void this.load(this.drawn.alert, this.drawn.found, rule, since, until);
    });
    if (look) box.scrollIntoView({ block: "nearest" });
    const end = alert.cleared_ms ?? found.until_ms;
    const room = Math.max(3_600_000, 2 * Math.abs(end - alert.began_ms));
    const none = alert === undefined || alert.severity === 0;
    const since = none ? found.since_ms : Math.max(found.since_ms, alert.began_ms - room);
    const until = none ? found.until_ms : Math.min(found.until_ms, end + room);
    await this.load(alert, found, rule, since, until);
  }

  private async load(alert: PastAlert, found: Backtest, rule: TriedRule, since: number, until: number): Promise<void> {
    const query = new URLSearchParams({
      since: new Date(Math.round(since)).toISOString(),
      until: new Date(Math.round(until)).toISOString(),
      points: String(POINTS),
    });
    const [answer, values] = await Promise.all([
      fetchJson<SeriesAnswer>(`/api/v1/points/${alert.point_id}/series?${query}`).catch(() => undefined),
      pointsOf(alert.asset_id).catch(() => []),
    ]);
    if (this.drawn?.alert !== alert || this.chart === undefined) return;
    if (answer === undefined) {
      this.chart.tell(this.page.t("chart.failed"));
      return;
    }
    const point = values.find((each) => each.point_id === alert.point_id);
    const bands = found.alerts
      .filter((each) => each.point_id === alert.point_id && each.version !== "gone")
      .map((each) => ({ from: each.began_ms, until: each.cleared_ms, severity: each.severity, rule_key: "", alert_id: 0 }));
    const symbol = point === undefined ? "" : this.page.t(`unit.${point.unit}`);
    const { fire, clear } = rule.condition;
    const lines =
      fire === undefined || clear === undefined || rule.point !== point?.name
        ? { fire: [], clear: [] }
        : thresholds({ ...rule.condition, fire, clear }, point?.baseline ?? 0);
    const title = [alert.asset_name, point === undefined ? "" : this.page.t(`point.${point.name}`)].filter(Boolean).join(" · ");
    const peak = alert.severity === 0 ? "" : ` · ${quantity(alert.peak, point?.decimals ?? 2, symbol)}`;
    say(part(".rule-chart-title", this.results), `${title}${peak}`);
    this.chart.lines = lines;
    this.chart.show(
      { name: point?.name ?? "", symbol, decimals: point?.decimals ?? 2 },
      { ...answer, bands, since_ms: since, until_ms: until },
    );
  }
}

function grouped(count: number): string {
  return quantity(count, 0, "");
}

const NO_ALERT: PastAlert = {
  asset_id: 0,
  asset_name: "",
  point_id: 0,
  began_ms: 0,
  fired_ms: 0,
  cleared_ms: null,
  severity: 0,
  peak: 0,
  expected: false,
  case_number: "",
  version: "kept",
};

function same(one: PastAlert, other: PastAlert | undefined): boolean {
  return other !== undefined && one.point_id === other.point_id && one.fired_ms === other.fired_ms;
}

async function pointsOf(assetId: number): Promise<readonly PointValue[]> {
  return (await fetchJson<{ values: readonly PointValue[] }>(`/api/v1/assets/${assetId}/values`)).values;
}

function fold(title: string, content: HTMLElement, open = false): HTMLElement {
  const made = element("details", { class: "fold" }, element("summary", {}, title), content);
  made.open = open;
  return made;
}

function why(error: unknown): string {
  if (error instanceof Refused && error.problem !== null) {
    return error.problem.errors.map((each) => each.problem).join("; ") || error.problem.detail;
  }
  return error instanceof Error ? error.message : String(error);
}
