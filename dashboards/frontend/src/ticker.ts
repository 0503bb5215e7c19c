// The latest events, newest first.
import { cityNow } from "./clock";
import { element, shapeOf } from "./elements";
import type { LiveEvent } from "./live";
import type { Page } from "./page";
import { sinceTitle } from "./times";

const KEPT = 40;

/** One event as words, a place to go and how grave it looks. */
export interface EventLine {
  readonly text: string;
  readonly where: string;
  readonly href: string | undefined;
  readonly severity: number;
}

const CALM = new Set(["alert_cleared", "cabinet_online"]);

export function lineOf(event: LiveEvent, t: Page["t"]): EventLine {
  const { kind, body } = event;
  const words = {
    rule: t(`rule.${body.rule_key ?? ""}`),
    kind: t(`kind.${body.kind ?? ""}`),
    stage: t(`stage.${body.stage ?? ""}`),
    cabinet: String(body.cabinet ?? ""),
  };
  const settled = kind === "case_moved" && (body.stage === "closed" || body.stage === "verified");
  const fallback = kind === "cabinet_offline" ? 2 : 1;
  return {
    text: t(`event.${kind}`, words),
    where: String(body.asset_name ?? ""),
    href: placeOf(body),
    severity: CALM.has(kind) || settled ? 0 : Number(body.severity ?? fallback),
  };
}

function placeOf(body: LiveEvent["body"]): string | undefined {
  if (body.case_id !== undefined && body.case_id !== null) return `/cases/${body.case_id}`;
  if (body.asset_id !== undefined && body.asset_id !== null) return `/assets/${body.asset_id}`;
  if (body.group_id !== undefined && body.group_id !== null) return `/alert-groups/${body.group_id}`;
  return body.cabinet === undefined ? undefined : "/system#cabinets";
}

/** The clock of an event of today, else its day and clock: 21:16:11, 11-22 19:16. */
export function whenOf(atMs: number, nowMs: number, moment: Page["moment"]): string {
  const [day = "", clock = ""] = moment(atMs).split(" ");
  return moment(nowMs).startsWith(day) ? clock : `${day.slice(5)} ${clock.slice(0, 5)}`;
}

/** The time of an event, with its day and how long ago it was for who points at it. */
export function timeOf(at: string, page: Page): HTMLTimeElement {
  const [moment, now] = [Date.parse(at), cityNow()];
  const facts = { class: "soft small nowrap", datetime: at, "data-since": "", title: sinceTitle(moment, now, page) };
  return element("time", facts, whenOf(moment, now, page.moment));
}

/** Puts one event on top of the list. */
export function addLine(list: HTMLElement, event: LiveEvent, page: Page): void {
  const line = lineOf(event, page.t);
  const words =
    line.href === undefined ? element("span", {}, line.text) : element("a", { href: line.href }, line.text);
  const what = element("span", { class: "ticker-what" }, words, element("span", { class: "soft" }, line.where));
  list.prepend(element("li", {}, timeOf(event.at, page), shapeOf(line.severity), what));
  while (list.children.length > KEPT) list.lastElementChild?.remove();
}
