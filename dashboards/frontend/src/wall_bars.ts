// The wall's bars: cases by stage, work by unit, what is on line. Rows are filled anew, never added to a pile.
// words: stage.* mobile_kind.*
import { element } from "./elements";
import { type Page, part, say } from "./page";
import { share, type WallScreen } from "./wall_model";

/** A piece of a line that leads somewhere, or does not where nobody may go there. */
export type MaybeLink = (href: string, text: string, className: string, ...children: readonly Node[]) => HTMLElement;

interface Bar {
  readonly name: string;
  readonly href: string;
  /** in time and late, 0…1 of what is largest */
  readonly parts: readonly [number, number];
  readonly figure: string;
  readonly late: number;
  /** where what is late of it is listed */
  readonly lateHref: string;
  /** the same for those who can't see the bar */
  readonly said: string;
}

export class WallBars {
  constructor(
    private readonly page: Page,
    private readonly maybeLink: MaybeLink,
  ) {}

  show(screen: WallScreen): void {
    const { t } = this.page;
    const { stages, units, units_more: unitsMore, mobile } = screen.state;
    const mostStage = Math.max(1, ...stages.map((each) => each.open));
    this.fill("[data-stages]", stages.map((each) => ({
      name: t(`stage.${each.stage}`),
      href: `/cases?stage=${each.stage}`,
      parts: [share(each.open - each.late, mostStage), share(each.late, mostStage)],
      figure: each.open.toLocaleString("en"),
      late: each.late,
      lateHref: `/cases?stage=${each.stage}&overdue=1`,
      said: t("wall.of_late", { open: each.open, late: each.late }),
    })));
    const mostUnit = Math.max(1, ...units.map((each) => each.open));
    this.fill("[data-units]", units.map((each) => ({
      name: each.name,
      href: `/queues/${each.unit_id}`,
      parts: [share(each.open - each.late, mostUnit), share(each.late, mostUnit)],
      figure: each.open.toLocaleString("en"),
      late: each.late,
      lateHref: `/queues/${each.unit_id}?late=1`,
      said: t("wall.of_late", { open: each.open, late: each.late }),
    })));
    part("[data-units-none]").hidden = units.length > 0;
    part("[data-units-more]").hidden = unitsMore === 0;
    say(part("[data-units-more]"), t("wall.units_more", { n: unitsMore }));
    this.fill("[data-mobile]", mobile.map((each) => ({
      name: t(`mobile_kind.${each.kind}`),
      href: `/mobile-resources?kind=${each.kind}`,
      parts: [share(each.online, each.total), 0],
      figure: `${each.online.toLocaleString("en")}/${each.total.toLocaleString("en")}`,
      late: 0,
      lateHref: "",
      said: `${Math.round((100 * each.online) / Math.max(1, each.total))}%`,
    })));
    part("[data-mobile-none]").hidden = mobile.length > 0;
  }

  private fill(selector: string, rows: readonly Bar[]): void {
    const list = part(selector);
    while (list.children.length > rows.length) list.lastElementChild?.remove();
    rows.forEach((row, index) => {
      let item = list.children[index] as HTMLElement | undefined;
      if (item === undefined) {
        const bar = element("span", { class: "wall-bar-field", "aria-hidden": "true" }, element("i", { class: "on-time" }), element("i", { class: "late" }));
        item = element(
          "li",
          {},
          this.maybeLink(row.href, "", "wall-bar-line", element("span", { class: "wall-bar-name" }), bar, element("span", { class: "wall-bar-figure" })),
          this.maybeLink(row.lateHref, "", "wall-bar-late", element("b", {}), element("span", { class: "unseen" }, this.page.t("wall.late"))),
        );
        list.append(item);
      }
      const late = part(".wall-bar-late", item);
      late.hidden = row.late === 0;
      say(part("b", late), row.late.toLocaleString("en"));
      for (const [line, href] of [[item.firstElementChild, row.href], [late, row.lateHref]] as const) {
        if (line instanceof HTMLAnchorElement && line.getAttribute("href") !== href) line.href = href;
      }
      say(part(".wall-bar-name", item), row.name);
      const figure = part(".wall-bar-figure", item);
      if (figure.dataset.said !== `${row.figure} ${row.said}`) {
        figure.dataset.said = `${row.figure} ${row.said}`;
        figure.replaceChildren(element("b", {}, row.figure), element("span", { class: "unseen" }, row.said));
      }
      [".on-time", ".late"].forEach((kind, at) => {
        part<HTMLElement>(`.wall-bar-field ${kind}`, item).style.inlineSize = `${(100 * (row.parts[at] ?? 0)).toFixed(1)}%`;
      });
    });
  }
}
