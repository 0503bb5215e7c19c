// What is switched on: families, base map, areas, heat, and the layers of the city's catalogue with their dates and owners.
import type { CityMapView } from "../citymap";
import { type Facts, liesRightly } from "../citymap/facts";
import { iconName, pictureOf } from "../citymap/icons";
import { mobileIcon } from "../citymap/mobile";
import type { Choice } from "../citymap/style";
import { element } from "../elements";
import { type Page, part, say } from "../page";
import { THEME_CHANGED } from "../theme";

function tick(name: string, value: string, checked: boolean, ...words: readonly (Node | string)[]): HTMLElement {
  const input = element("input", { type: "checkbox", name, value });
  input.checked = checked;
  return element("label", { class: "tick" }, input, ...words);
}

export class LayersPane {
  private readonly form = part<HTMLFormElement>("[data-choices]");

  constructor(
    private readonly map: CityMapView,
    private readonly page: Page,
    private readonly onChange: () => void,
  ) {}

  /** Fills the form from the facts and from what is on already. */
  start(facts: Facts): void {
    const { choice } = this.map;
    const { t } = this.page;
    part("[data-families]").replaceChildren(
      ...facts.families.map(({ key, name }) =>
        tick("family", key, choice.families.includes(key), pictureOf(iconName(key, "", "intact"), ""), element("span", {}, name || t(`family.${key}`))),
      ),
    );
    part("[data-base-choice]").hidden = facts.base.kind === "none";
    const problem = part("[data-base-problem]");
    problem.hidden = facts.base.problem === undefined;
    say(problem, facts.base.problem ?? "");
    part("[data-catalogue]").hidden = facts.layers.length === 0;
    part("[data-catalogue-list]").replaceChildren(...facts.layers.map((layer) => this.line(layer, choice)));
    this.read(choice);
    this.form.addEventListener("change", () => this.changed());
  }

  /** The form as the map is, after another address was followed. */
  read(choice: Choice): void {
    this.tickOf("base").checked = choice.base;
    for (const input of this.form.querySelectorAll<HTMLInputElement>("input[name=family]")) input.checked = choice.families.includes(input.value);
    this.select("severity").value = String(choice.severity);
    this.select("areas").value = choice.areas;
    this.select("heat").value = String(choice.heat);
    this.select("kind").value = choice.heatKind;
    this.tickOf("mobile").checked = choice.mobile;
    for (const input of this.form.querySelectorAll<HTMLInputElement>("input[name=layer]")) input.checked = choice.layers.includes(input.value);
    part("[data-heat-kind]", this.form).hidden = choice.heat === 0;
  }

  /** What an address says, if it can be chosen here: an address may be older than the city's standard. */
  static known(name: "areas" | "heat" | "kind", said: string | undefined, otherwise: string): string {
    const { options } = part<HTMLSelectElement>(`[data-choices] select[name=${name}]`);
    return [...options].some((option) => option.value === said) ? (said ?? otherwise) : otherwise;
  }

  /** Which of the assets are shown, in words; "" where all are. */
  narrowed(): string {
    const { choice, facts } = this.map;
    const all = facts?.families ?? [];
    const shown = all.filter(({ key }) => choice.families.includes(key));
    const families = shown.map(({ key, name }) => name || this.page.t(`family.${key}`)).join(" + ") || "–";
    const severe = choice.severity > 0 ? this.select("severity").selectedOptions[0]?.text : undefined;
    return [shown.length === all.length ? undefined : families, severe].filter((each) => each !== undefined).join(" · ");
  }

  private line(layer: Facts["layers"][number], choice: Choice): HTMLElement {
    const { t } = this.page;
    const swatch = element("i", { class: "map-swatch", "aria-hidden": "true" });
    if (layer.colour) swatch.style.background = layer.colour;
    const fits = liesRightly(layer, this.map.crs);
    const said = [fits ? "" : t("map.layer_shifted"), layer.date ? t("map.layer_date", { date: layer.date }) : "", layer.owner ?? "", layer.source ?? ""].filter((each) => each !== "");
    const words = element("span", {}, layer.name, element("span", { class: "sub soft small" }, said.join(" · ")));
    const line = tick("layer", layer.key, choice.layers.includes(layer.key), swatch, words);
    if (!fits) part<HTMLInputElement>("input", line).disabled = true;
    return line;
  }

  /** Says when the heat is made of the newest cases only. */
  tellHeat(cut: { readonly n: number; readonly since: string } | undefined): void {
    const note = part("[data-heat-cut]", this.form);
    note.hidden = cut === undefined || this.map.choice.heat === 0;
    if (cut !== undefined) say(note, this.page.t("map.heat_cut", { n: cut.n.toLocaleString("en-GB"), since: this.page.moment(Date.parse(cut.since)) }));
  }

  private select(name: string): HTMLSelectElement {
    return this.form.elements.namedItem(name) as HTMLSelectElement;
  }

  private tickOf(name: string): HTMLInputElement {
    return this.form.elements.namedItem(name) as HTMLInputElement;
  }

  private checked(name: string): string[] {
    return [...this.form.querySelectorAll<HTMLInputElement>(`input[name=${name}]:checked`)].map((input) => input.value);
  }

  private changed(): void {
    this.map.choose({
      base: this.checked("base").length > 0,
      families: this.checked("family"),
      severity: Number(this.select("severity").value),
      layers: this.checked("layer"),
      areas: this.select("areas").value,
      heat: Number(this.select("heat").value),
      heatKind: this.select("kind").value,
      mobile: this.tickOf("mobile").checked,
    });
    part("[data-heat-kind]", this.form).hidden = this.map.choice.heat === 0;
    this.onChange();
  }
}

/** The legend's pictures are drawn by the same pen as the map's. */
export function drawLegend(page: Page, facts: Facts): void {
  const { t } = page;
  const draw = (): void => {
    part("[data-legend-things]").replaceChildren(
      ...facts.families.map(({ key, name }) => element("li", {}, pictureOf(iconName(key, "", "intact"), ""), name || t(`family.${key}`))),
    );
    for (const line of part("[data-legend-mobile]").querySelectorAll("li")) {
      line.querySelector("canvas")?.remove();
      line.prepend(pictureOf(mobileIcon(line.dataset.kind ?? "", line.dataset.old === undefined), ""));
    }
    part("[data-legend-states]").replaceChildren(
      ...(["intact", "damaged", "lost"] as const).map((state) => element("li", {}, pictureOf(iconName("cover", "", state), ""), t(`state.${state}`))),
    );
  };
  draw();
  addEventListener(THEME_CHANGED, draw);
}
