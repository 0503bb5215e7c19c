// The list "what is wrong now": rows are cloned from the template's own markup and kept in the server's order.
import type { WrongNow } from "./answers";
import { cityNow } from "./clock";
import { decimalsOf, quantity } from "./format";
import { type Page, part, say } from "./page";
import { refreshTime } from "./times";

const FRESH_MS = 5_000;

export interface Difference {
  readonly added: readonly number[];
  readonly gone: readonly number[];
}

/** Which keys came and which went. */
export function difference(before: readonly number[], after: readonly number[]): Difference {
  const was = new Set(before);
  const is = new Set(after);
  return { added: after.filter((key) => !was.has(key)), gone: before.filter((key) => !is.has(key)) };
}

export class WrongList {
  private readonly list = part<HTMLOListElement>("[data-wrong-list]");
  private readonly template = part<HTMLTemplateElement>("template[data-wrong-row]");
  private readonly stages = part<HTMLTemplateElement>("template[data-stages]");
  private readonly calm = part("[data-calm]");
  private readonly noCase = part("[data-no-case]");
  private readonly announce = part("[data-announce]");

  constructor(
    private readonly page: Page,
    private readonly onPoint: (assetId: number | undefined) => void,
  ) {
    for (const row of this.rows()) this.watch(row);
  }

  /** Shows `wrong` in its order; new rows flash and are announced. */
  show(wrong: readonly WrongNow[]): void {
    const rows = new Map(this.rows().map((row) => [Number(row.dataset.case), row]));
    const change = difference(
      [...rows.keys()],
      wrong.map((each) => each.case_id),
    );
    const held = this.list.querySelector<HTMLElement>("a:focus");
    for (const key of change.gone) rows.get(key)?.remove();
    wrong.forEach((each, index) => {
      const row = rows.get(each.case_id) ?? this.make();
      this.fill(row, each);
      const place = this.list.children[index];
      if (place !== row) this.list.insertBefore(row, place ?? null);
      if (change.added.includes(each.case_id)) this.welcome(row, each);
    });
    // a line that was moved has lost it
    held?.focus({ preventScroll: true });
    this.list.hidden = wrong.length === 0;
    this.showCalm();
  }

  /** All is well without a case and without an alert: one may have no case. */
  showCalm(): void {
    const listed = this.list.children.length > 0;
    const alerting = document.querySelector('[data-counter^="alerts_"][data-some]') !== null;
    this.calm.hidden = listed || alerting;
    this.noCase.hidden = listed || !alerting;
  }

  /** Marks the row of an asset that is pointed at on the map. */
  point(assetId: number | undefined): void {
    for (const row of this.rows()) row.classList.toggle("pointed", Number(row.dataset.asset) === assetId);
  }

  /** Whether a row shows a value: those change without an event. */
  get measures(): boolean {
    return this.rows().some((row) => part('[data-slot="value"]', row).textContent !== "");
  }

  private rows(): HTMLElement[] {
    return [...this.list.querySelectorAll<HTMLElement>(".wrong")];
  }

  private make(): HTMLElement {
    const row = part(".wrong", this.template.content).cloneNode(true) as HTMLElement;
    this.watch(row);
    return row;
  }

  private watch(row: HTMLElement): void {
    row.addEventListener("pointerenter", () => this.onPoint(Number(row.dataset.asset)));
    row.addEventListener("pointerleave", () => this.onPoint(undefined));
  }

  private fill(row: HTMLElement, wrong: WrongNow): void {
    const { t } = this.page;
    row.dataset.case = String(wrong.case_id);
    row.dataset.asset = String(wrong.asset_id);
    row.dataset.severity = String(wrong.severity);
    this.shapes(row, wrong.severity);
    part<HTMLAnchorElement>('[data-slot="link"]', row).href = `/cases/${wrong.case_id}`;
    say(part('[data-slot="kind"]', row), t(`kind.${wrong.kind}`));
    say(part('[data-slot="asset"]', row), wrong.asset_name);
    say(part('[data-slot="road"]', row), wrong.asset_name.startsWith(wrong.road) ? "" : wrong.road);
    this.fillValue(row, wrong);
    this.fillTimes(row, wrong);
    const stage = part('[data-slot="stage"]', row);
    if (stage.dataset.stage !== wrong.stage) {
      const chip = this.stages.content.querySelector(`[data-stage="${wrong.stage}"]`);
      stage.replaceChildren(...[...(chip?.childNodes ?? [])].map((node) => node.cloneNode(true)));
      stage.dataset.stage = wrong.stage;
    }
    const who = part('[data-slot="who"]', row);
    say(who, wrong.assignee_name ?? t("overview.nobody"));
    who.classList.toggle("soon", wrong.assignee_name === null);
    who.classList.toggle("soft", wrong.assignee_name !== null);
  }

  private shapes(row: HTMLElement, severity: number): void {
    const holder = part(".wrong-shapes", row);
    if (holder.querySelector(`.shape-${severity}`) !== null) return;
    const drawn = this.template.content.querySelector(`.shape-${severity}`);
    if (drawn !== null) holder.replaceChildren(drawn.cloneNode(true));
  }

  private fillValue(row: HTMLElement, wrong: WrongNow): void {
    const { t } = this.page;
    const measured = wrong.point !== null && wrong.value !== null;
    const number = measured
      ? quantity(wrong.value, decimalsOf(wrong.point ?? ""), t(`unit.${wrong.unit ?? "1"}`))
      : "";
    say(part('[data-slot="value"]', row), number);
    say(part('[data-slot="point"]', row), measured ? t(`point.${wrong.point}`) : this.underNothing(wrong));
  }

  /** Without a value: a sensor's signal is calm again; of what people told there never was one, so who told it. */
  private underNothing(wrong: WrongNow): string {
    if (wrong.source !== "sensor") return this.page.t(`source.${wrong.source}`);
    return wrong.alerts_firing === 0 ? this.page.t("overview.recovered") : "";
  }

  private fillTimes(row: HTMLElement, wrong: WrongNow): void {
    const now = cityNow();
    for (const [slot, moment] of [["deadline", wrong.secure_due_at ?? wrong.deadline_at], ["since", wrong.opened_at]] as const) {
      const time = part<HTMLTimeElement>(`[data-slot="${slot}"] time`, row);
      time.dateTime = moment;
      time.title = this.page.moment(Date.parse(moment));
      time.dataset.at = time.title.slice(0, "2026-03-02 12:00".length);
      refreshTime(time, now, this.page);
    }
    this.fillClock(row, wrong);
  }

  /** The clock stands still once the work is handed back, and while the case is suspended. */
  private fillClock(row: HTMLElement, wrong: WrongNow): void {
    const { t } = this.page;
    const mended = wrong.stage === "handed_back" || wrong.stage === "verified";
    const stopped = part('[data-slot="stopped"]', row);
    part('[data-slot="deadline"]', row).hidden = mended || wrong.stage === "suspended";
    say(stopped, mended ? t(wrong.overdue ? "case.mended_late" : "case.mended") : wrong.stage === "suspended" ? t("case.paused") : "");
    stopped.className = mended && wrong.overdue ? "late" : "soft";
  }

  private welcome(row: HTMLElement, wrong: WrongNow): void {
    row.classList.add("fresh");
    setTimeout(() => row.classList.remove("fresh"), FRESH_MS);
    const { t } = this.page;
    say(this.announce, t("overview.new_case", { kind: t(`kind.${wrong.kind}`), asset: wrong.asset_name }));
  }
}
