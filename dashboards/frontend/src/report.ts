// Reporting without a plate: the phone's place or a tap on the map, then what stands near there to choose from.
import { fetchJson } from "./answers";
import { startDrafts } from "./drafts";
import { element } from "./elements";
import { type Page, part, say, thisPage } from "./page";
import type { Picker } from "./picker";
import { whereAmI } from "./position";
import { startUploads } from "./upload";

interface Near {
  readonly thing: string;
  readonly name: string;
  readonly road: string;
  readonly distance_m: number;
}

const DECIMALS = 6;

class Where {
  private picker: Promise<Picker> | undefined;
  private asked = 0;
  private readonly words: HTMLElement;
  private readonly near: HTMLElement;

  constructor(
    private readonly field: HTMLElement,
    private readonly page: Page,
  ) {
    this.words = part("[data-place-words]", field);
    this.near = part("[data-near]", field);
  }

  start(): void {
    const here = part<HTMLButtonElement>("[data-here]", this.field);
    const pick = part<HTMLButtonElement>("[data-pick]", this.field);
    here.hidden = !("geolocation" in navigator);
    here.addEventListener("click", () => void this.here(here));
    pick.hidden = false;
    pick.setAttribute("aria-expanded", "false");
    pick.addEventListener("click", () => this.map(pick));
    const [lon, lat] = [Number(this.input("lon").value), Number(this.input("lat").value)];
    if (lon !== 0 && lat !== 0) void this.list(lon, lat);
  }

  private async here(button: HTMLButtonElement): Promise<void> {
    button.disabled = true;
    say(this.words, this.page.t("place.asking"));
    try {
      const found = await whereAmI();
      this.put(found.lon, found.lat);
      say(this.words, this.page.t("place.got", { metres: Math.max(1, Math.round(found.accuracy_m)) }));
      void this.picker?.then((drawn) => drawn.show(found.lon, found.lat)).catch(() => undefined);
    } catch {
      say(this.words, this.page.t("place.refused"));
    }
    button.disabled = false;
  }

  private map(button: HTMLButtonElement): void {
    const box = part<HTMLElement>("[data-canvas]", this.field);
    box.hidden = !box.hidden;
    button.setAttribute("aria-expanded", String(!box.hidden));
    say(this.words, box.hidden ? "" : this.page.t("place.click"));
    if (box.hidden || this.picker !== undefined) return;
    this.picker = import("./picker").then(({ Picker: Drawn }) => {
      const drawn = new Drawn(box, this.page, this.field.dataset.map ?? "", (lon, lat) => {
        this.put(lon, lat);
        say(this.words, this.page.t("place.picked"));
      });
      const [lon, lat] = [Number(this.input("lon").value), Number(this.input("lat").value)];
      if (lon !== 0 || lat !== 0) drawn.show(lon, lat);
      else void drawn.showCity();
      return drawn;
    });
    this.picker.catch(() => {
      // the line was gone: a second tap asks again
      this.picker = undefined;
      box.hidden = true;
      button.setAttribute("aria-expanded", "false");
      say(this.words, this.page.t("place.no_map"));
    });
  }

  private put(lon: number, lat: number): void {
    this.input("lon").value = lon.toFixed(DECIMALS);
    this.input("lat").value = lat.toFixed(DECIMALS);
    void this.list(lon, lat);
  }

  /** What stands near there; an answer that comes after a later question is dropped. */
  private async list(lon: number, lat: number): Promise<void> {
    this.asked += 1;
    const question = this.asked;
    const query = new URLSearchParams({ lon: lon.toFixed(DECIMALS), lat: lat.toFixed(DECIMALS) });
    const found = await fetchJson<Near[]>(`${this.field.dataset.nearby ?? ""}?${query}`).catch(() => []);
    if (question !== this.asked) return;
    const { t } = this.page;
    const choices = found.map((one) => {
      const name = [one.name, one.road].filter((word) => word !== "").join(" · ");
      return this.choice(one.thing, name, t("report.near.away", { metres: one.distance_m }), false);
    });
    const none = this.choice("", t("report.near.none"), t("report.near.none_text"), true);
    part("[data-near-list]", this.near).replaceChildren(...choices, none);
    this.near.hidden = found.length === 0;
  }

  private choice(value: string, name: string, help: string, checked: boolean): HTMLElement {
    const radio = element("input", { type: "radio", name: "thing", value });
    radio.checked = checked;
    const words = element("span", {}, element("span", { class: "radio-name" }, name), element("span", { class: "hint" }, help));
    return element("label", { class: "radio" }, radio, words);
  }

  private input(name: string): HTMLInputElement {
    return part<HTMLInputElement>(`input[name=${name}]`, this.field);
  }
}

void thisPage().then((page) => {
  const field = document.querySelector<HTMLElement>("[data-where]");
  if (field !== null) new Where(field, page).start();
  startDrafts();
  startUploads(page);
});
