// What lies in a drawn shape: the server counts it, keeps it as a list for a week, and says where that is.
import { post } from "../answers";
import { element } from "../elements";
import type { Position } from "../geometry";
import { type Page } from "../page";
import type { Choice } from "../citymap/style";

export interface Selected {
  readonly id: number | string;
  readonly count: number;
  /** as many of them are in the list */
  readonly listed: number;
  readonly truncated: boolean;
  readonly by_family: Readonly<Record<string, number>>;
  readonly href: string;
  /** the ring that counted, closed, WGS-84: a line that crosses itself has another than was drawn */
  readonly outline: readonly Position[];
}

/** Asks the server for what is shown in `ring` (WGS-84). Throws `Refused`, or `TypeError` when nothing answers. */
export async function select(address: string, ring: readonly Position[], shown: Pick<Choice, "families" | "severity">): Promise<Selected> {
  const { families, severity } = shown;
  return (await (await post(address, { polygon: ring, families, severity })).json()) as Selected;
}

/** The answer as people read it, with where it leads; `narrowed`: which assets were meant, "" all. */
export function resultOf(page: Page, selected: Selected, narrowed: string): HTMLElement[] {
  const { t } = page;
  const number = new Intl.NumberFormat(page.language === "zh" ? "zh-CN" : "en-GB");
  const parts = Object.entries(selected.by_family).filter(([, n]) => n > 0);
  const small = (words: string): HTMLElement => element("p", { class: "soft small" }, words);
  const only = narrowed === "" ? [] : [small(t("map.selected_only", { chosen: narrowed }))];
  const head = [element("p", { class: "map-result-head" }, element("strong", {}, t("map.selected", { n: number.format(selected.count) }))), ...only];
  if (selected.count === 0) return [...head, small(t("map.selected_none"))];
  const counts = element("dl", { class: "map-result-counts" });
  for (const [family, n] of parts) counts.append(element("div", {}, element("dt", {}, t(`family.${family}`)), element("dd", {}, number.format(n))));
  const link = element("a", { class: "button primary", href: selected.href }, t("map.selected_open"));
  const cut = selected.truncated ? [small(t("map.selected_more", { n: number.format(selected.listed) }))] : [];
  return [...head, counts, link, ...cut, small(t("map.selected_does"))];
}
