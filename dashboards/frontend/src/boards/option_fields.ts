// The fields of how a panel is shown.
import { element } from "../elements";
import type { Page } from "../page";
import { withOption } from "./draft";
import { group, number, type Option, pair, select, text, tick } from "./fields";
import type { Named, Panel, PanelOptions, Threshold, Tone } from "./shapes";
import { TONES } from "./shapes";

const NO_WORDS: Named = { zh: "", en: "" };

const UNITS = ["deg", "mm", "mm/s", "Cel", "%", "%RH", "V", "s", "m", "lx", "dBm", "hPa", "ppm"];

/**
 * `change` makes the options of now into the next ones: a field stays while others beside it are filled in. `field` is
 * what is changed; without it the fields are to be written anew.
 */
export function optionFields(panel: Panel, page: Page, change: (next: (now: PanelOptions) => PanelOptions, field?: string) => void): HTMLElement[] {
  const { t } = page;
  const { options } = panel;
  const set = <K extends keyof PanelOptions>(name: K, value: PanelOptions[K] | undefined): void => change((now) => withOption(now, name, value), name);
  if (panel.kind === "text") {
    const words = options.text ?? NO_WORDS;
    const write = (some: Partial<Named>, field: string): void => change((now) => ({ ...now, text: { ...(now.text ?? NO_WORDS), ...some } }), field);
    return [
      text(t("board.text_zh"), words.zh, (zh) => write({ zh }, "text.zh"), { long: true, most: 4000, hint: t("board.text_hint") }),
      text(t("board.text_en"), words.en, (en) => write({ en }, "text.en"), { long: true, most: 4000 }),
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
  if (panel.kind !== "table") {
    fields.push(thresholds(options.thresholds ?? [], page, (next, field) => change((now) => withOption(now, "thresholds", next), field)));
  }
  return fields;
}

function thresholds(begun: readonly Threshold[], page: Page, change: (next: readonly Threshold[], field?: string) => void): HTMLElement {
  const { t } = page;
  // in the order of the rows, which stay where they are while somebody fills them in
  const given = [...begun];
  const ordered = (): readonly Threshold[] => [...given].sort((one, other) => one.from - other.from);
  const rows = begun.map((each, at) => {
    const replace = (part: Partial<Threshold>): void => {
      given[at] = { ...(given[at] ?? each), ...part };
      change(ordered(), `thresholds.${at}.${Object.keys(part).join()}`);
    };
    const away = element("button", { type: "button", class: "button quiet", "aria-label": t("board.threshold_remove"), title: t("board.threshold_remove") }, "×");
    away.addEventListener("click", () => {
      given.splice(at, 1);
      change(ordered());
    });
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
    const last = ordered().at(-1);
    given.push({ from: last === undefined ? 0 : last.from + 1, tone: last === undefined ? "good" : "alarm" });
    change(ordered());
  });
  return group(t("board.thresholds"), ...rows, add);
}
