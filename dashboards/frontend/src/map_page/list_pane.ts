// What the map shows, in words and lines: for a screen reader it is the map.
import type { InView, ShownAsset } from "../citymap";
import { keyOf, kindWord } from "../citymap/things";
import { element, shapeOf } from "../elements";
import { type Page, part, say } from "../page";

export class ListPane {
  private readonly list = part("[data-list]");
  private shown: string | undefined;

  constructor(
    private readonly page: Page,
    private readonly onChoose: (asset: ShownAsset) => void,
    private readonly onPoint: (asset: ShownAsset | undefined) => void,
  ) {}

  show(view: InView): void {
    const { t } = this.page;
    const [notice, alarm, critical] = view.wrong;
    const wrong = notice + alarm + critical;
    const number = new Intl.NumberFormat(this.page.language === "zh" ? "zh-CN" : "en-GB");
    const total = number.format(view.total);
    // the map holds no more of them than can be drawn: what it says is then the least
    const orMore = (many: number, severity: number): string => `${number.format(many)}${view.cut >= severity ? "+" : ""}`;
    const chosen = part<HTMLSelectElement>("#map-severity").selectedOptions[0]?.text ?? "";
    const all = wrong === 0 ? t("map.in_view_calm", { total }) : t("map.in_view", { total, wrong: orMore(wrong, 1), critical: orMore(critical, 3) });
    // of what was left out nothing can be said, least of all that it is well
    say(part("[data-summary]"), view.severity > 0 ? t("map.in_view_only", { total: orMore(view.total, view.severity), chosen }) : all);
    const lines = [...view.worst, ...view.calm];
    part("[data-list-none]").hidden = lines.length > 0 || view.severity > 0;
    part("[data-list-cut]").hidden = lines.length === 0 || lines.length >= view.total;
    const now = lines.map((asset) => `${keyOf(asset)}/${asset.severity}`).join(" ");
    if (now === this.shown) return; // nobody loses the line they are on
    this.shown = now;
    const focused = (document.activeElement as HTMLElement | null)?.closest<HTMLElement>("[data-line]")?.dataset.line;
    this.list.replaceChildren(...lines.map((asset) => this.line(asset)));
    this.onPoint(undefined); // the line below the pointer may be another one now
    if (focused !== undefined) this.list.querySelector<HTMLElement>(`[data-line="${focused}"] button`)?.focus();
  }

  private line(asset: ShownAsset): HTMLElement {
    const { t } = this.page;
    const how = asset.severity > 0 ? t(`severity.${asset.severity}`) : t(`state.${asset.state}`);
    const where = asset.name.startsWith(asset.road) ? "" : asset.road;
    const button = element(
      "button",
      { type: "button", class: "map-line" },
      shapeOf(asset.severity),
      element("span", {}, element("strong", {}, asset.name), element("span", { class: "soft small" }, [how, kindWord(asset.caseKind, t), where].filter((each) => each !== "").join(" · "))),
    );
    button.addEventListener("click", () => this.onChoose(asset));
    for (const name of ["pointerenter", "focus"]) button.addEventListener(name, () => this.onPoint(asset));
    for (const name of ["pointerleave", "blur"]) button.addEventListener(name, () => this.onPoint(undefined));
    return element("li", { "data-line": String(keyOf(asset)) }, button);
  }
}
