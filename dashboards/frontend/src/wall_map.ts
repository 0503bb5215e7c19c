// The wall's map: nobody moves it, it comes back by itself, and it can be emptied.
import type { CityMapView, MobileLayer } from "./citymap";
import { element } from "./elements";
import type { LiveEvent } from "./live";
import { type Page, part, say } from "./page";
import { settled } from "./settled";
import { magnified } from "./wall_model";

const AGAIN_MS = 30_000;
const REFRESH_EVERY_MS = 5 * 60_000;
/** A browser may remember that a part of the scripts could not be had: asking for it again is then in vain. */
const STUCK_AFTER = 3;

export class WallMap {
  private map: CityMapView | undefined;
  private layer: MobileLayer | undefined;
  private eyes: ResizeObserver | undefined;
  private refreshing: ReturnType<typeof setInterval> | undefined;
  private wanted = false;
  private opening = false;
  private failures = 0;

  constructor(
    private readonly page: Page,
    private readonly addresses: DOMStringMap,
  ) {}

  /** Its scripts did not come several times: the whole page has to be loaded again. */
  get stuck(): boolean {
    return this.failures >= STUCK_AFTER;
  }

  open(): void {
    this.wanted = true;
    void this.attempt();
  }

  follow(item: LiveEvent): void {
    this.map?.follow(item);
  }

  refresh(): void {
    this.map?.refresh();
  }

  /** Nothing is left of it. */
  clear(): void {
    this.wanted = false;
    this.layer?.show(false);
    clearInterval(this.refreshing);
    this.eyes?.disconnect();
    this.map?.close();
    this.map = undefined;
    const box = part("[data-map]");
    delete box.dataset.drawn;
    box.replaceChildren(element("p", { class: "map-wait soft small" }));
  }

  private async attempt(): Promise<void> {
    if (!this.wanted || this.opening || this.map !== undefined) return;
    this.opening = true;
    const again = !(await this.isSettled());
    this.opening = false;
    if (again) setTimeout(() => void this.attempt(), AGAIN_MS);
  }

  /** Draws it; false where it is worth another try. */
  private async isSettled(): Promise<boolean> {
    const { facts = "", tiles = "", places = "" } = this.addresses;
    let chunk: typeof import("./citymap");
    try {
      // the figures are there before the map's quarter of a megabyte
      chunk = await import("./citymap");
    } catch {
      this.failures += 1;
      const note = document.querySelector("[data-map] .map-wait");
      if (note !== null) say(note, this.page.t("map.failed"));
      return false;
    }
    this.failures = 0;
    const map = chunk.openCityMap(part("[data-map]"), this.page, { interactive: false, tilesAddress: tiles, factsAddress: facts, mobile: true });
    const drawn = await map.ready;
    if (!drawn || !this.wanted) {
      map.close();
      // without WebGL it stays so; what could not be asked for can be asked for again
      return drawn || map.facts !== undefined;
    }
    this.map = map;
    this.keepWhole(map);
    this.layer = new chunk.MobileLayer(map, this.page, places, { named: false });
    this.layer.show(true);
    // tiles follow the stream; what it could not tell is caught up with now and then
    this.refreshing = setInterval(() => map.refresh(), REFRESH_EVERY_MS);
    return true;
  }

  /** Whatever size its field has, the whole city stands in it, and its signs grow with the screen. */
  private keepWhole(map: CityMapView): void {
    const field = part("[data-map]");
    const fit = (): void => {
      const by = magnified(Number.parseFloat(getComputedStyle(document.documentElement).fontSize));
      field.style.setProperty("--magnified", String(by));
      map.canvas?.setPixelRatio(devicePixelRatio * by);
      map.canvas?.resize();
      if (map.facts?.bbox) map.goTo({ bbox: map.facts.bbox }, true);
    };
    fit();
    this.eyes = new ResizeObserver(settled(async () => fit(), 300));
    this.eyes.observe(part(".wall-map"));
  }
}
