// The fields of how a panel is shown.
import { element } from "../elements";
import type { Page } from "../page";
import { withOption } from "./draft";
import { group, number, type Option, pair, select, text, tick } from "./fields";
import type { Panel, PanelOptions, Threshold, Tone } from "./shapes";
import { TONES } from "./shapes";

const UNITS = ["deg", "mm", "mm/s", "Cel", "%", "%RH", "V", "s", "m", "lx", "dBm", "hPa", "ppm"];

export function optionFields(panel: Panel, page: Page, change: (options: PanelOptions, again: boolean) => void): HTMLElement[] {
  const { t } = page;
  const { options } = panel;
  const set = <K extends keyof PanelOptions>(name: K, value: PanelOptions[K] | undefined, again = false): void => change(withOption(options, name, value), again);
  if (panel.kind === "text") {
    const words = options.text ?? { zh: "", en: "" };
    return [
      text(t("board.text_zh"), words.zh, (zh) => change({ ...options, text: { ...words, zh } }, false), { long: true, most: 4000, hint: t("board.text_hint") }),
      text(t("board.text_en"), words.en, (en) => change({ ...options, text: { ...words, en } }, false), { long: true, most: 4000 }),
    ];
  }
  if (panel.kind === "map" || panel.kind === "heat_map" || panel.kind === "state_timeline") return [];
  const units: Option[] = [["", t("board.unit_usual")], ...UNITS.map((unit): Option => [unit, t(`unit.${unit}`)])];
  const fields: HTMLElement[] = [];
  if (panel.kind !== "table") {
    fields.push(
      pair(
        select(t("board.unit"), units, options.unit ?? "", (unit) => set("unit", unit)),
        number(t("board.decimals"), options.decimals, (decimals) => set("decimals", decimals), { min: 0, max: 6 }),
      ),
    );
  }
  if (panel.kind === "time_series" || panel.kind === "bar") {
    fields.push(
      pair(
        number(t("board.min"), options.min, (min) => set("min", min), { step: "any" }),
        number(t("board.max"), options.max, (max) => set("max", max), { step: "any" }),
      ),
    );
  }
  if (panel.kind === "time_series") fields.push(tick(t("board.stacked"), options.stacked === true, (on) => set("stacked", on)));
  if (panel.kind === "stat") {
    fields.push(tick(t("board.spark"), options.spark === true, (on) => set("spark", on)));
    fields.push(text(t("board.href"), options.href ?? "", (href) => set("href", href.trim()), { most: 200, hint: t("board.href_hint") }));
  }
  if (panel.kind !== "table") fields.push(thresholds(options.thresholds ?? [], page, (next, again) => set("thresholds", next, again)));
  return fields;
}

function thresholds(given: readonly Threshold[], page: Page, change: (next: readonly Threshold[], again: boolean) => void): HTMLElement {
  const { t } = page;
  const ordered = (next: readonly Threshold[]): readonly Threshold[] => [...next].sort((one, other) => one.from - other.from);
  const rows = given.map((each, at) => {
    const replace = (part: Partial<Threshold>): void => change(ordered(given.map((other, place) => (place === at ? { ...other, ...part } : other))), false);
    const away = element("button", { type: "button", class: "button quiet", "aria-label": t("board.threshold_remove"), title: t("board.threshold_remove") }, "×");
    away.addEventListener("click", () => change(given.filter((_, place) => place !== at), true));
    return element(
      "div",
      { class: "board-threshold" },
      number(t("board.threshold_from"), each.from, (from) => (from === undefined ? undefined : replace({ from })), { step: "any" }),
      select(t("board.tone"), TONES.map((tone): Option => [tone, t(`board.tone.${tone}`)]), each.tone, (tone) => replace({ tone: tone as Tone })),
      away,
    );
  });
  const add = element("button", { type: "button", class: "button quiet" }, t("board.threshold_add"));
  add.addEventListener("click", () => {
    const last = given[given.length - 1];
    change([...given, { from: last === undefined ? 0 : last.from + 1, tone: last === undefined ? "good" : "alarm" }], true);
  });
  return group(t("board.thresholds"), ...rows, add);
}
