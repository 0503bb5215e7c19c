// What the buttons beside the map do that draw nothing: find the reader, share the view, print it, fill the screen.
import type { CityMapView } from "../citymap";
import { ontoMap } from "../citymap/shift";
import type { Position } from "../geometry";
import { type Page, part, say } from "../page";
import { printLight } from "../paper";

const TOLD_MS = 4_000;
const ME_ZOOM = 17.5;
const CIRCLE_POINTS = 48;

export class Acts {
  private toldTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly shell: HTMLElement,
    private readonly page: Page,
    private readonly map: () => CityMapView | undefined,
    private readonly keepAddress: () => void,
  ) {}

  findMe(): void {
    const { t } = this.page;
    this.tell(t("map.finding_me"));
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        const at: Position = [coords.longitude, coords.latitude];
        const here = ontoMap(at, this.map()?.crs ?? "wgs84");
        this.map()?.fill("here", [circle(here, coords.accuracy), { type: "Feature", properties: {}, geometry: { type: "Point", coordinates: here } }]);
        this.map()?.goTo({ at, zoom: ME_ZOOM });
        this.tell(t("map.found_me", { m: Math.round(coords.accuracy) }));
      },
      () => this.tell(t("map.no_me")),
      { enableHighAccuracy: true, timeout: 15_000, maximumAge: 30_000 },
    );
  }

  async share(): Promise<void> {
    this.keepAddress();
    try {
      if (matchMedia("(pointer: coarse)").matches && navigator.share !== undefined) await navigator.share({ url: location.href });
      else {
        await navigator.clipboard.writeText(location.href);
        this.tell(this.page.t("map.link_copied"));
      }
    } catch (error) {
      if (!(error instanceof DOMException && error.name === "AbortError")) this.tell(this.page.t("map.link_in_bar"));
    }
  }

  async full(): Promise<void> {
    try {
      if (document.fullscreenElement !== null) await document.exitFullscreen();
      else await this.shell.requestFullscreen();
    } catch {
      this.tell(this.page.t("map.no_full"));
    }
  }

  /** The picture as it is now, for paper. */
  paper(): HTMLImageElement {
    const image = part<HTMLImageElement>("[data-paper]", this.shell);
    image.src = this.map()?.picture() ?? "";
    image.hidden = false;
    return image;
  }

  /** In light colours: a dark map would take a whole cartridge. */
  async print(): Promise<void> {
    await printLight(async () => {
      await this.map()?.still();
      await this.paper().decode().catch(() => undefined);
    });
  }

  /** A word at the foot of the map, for a moment. */
  tell(text: string): void {
    const told = part("[data-told]", this.shell);
    say(told, text);
    clearTimeout(this.toldTimer);
    this.toldTimer = setTimeout(() => say(told, ""), TOLD_MS);
  }
}

/** Where the phone may be: a ring of this many metres. */
function circle([lon, lat]: Position, radiusM: number): unknown {
  const north = radiusM / 111_320;
  const east = north / Math.cos((lat * Math.PI) / 180);
  const ring = Array.from({ length: CIRCLE_POINTS + 1 }, (_, index) => {
    const angle = (index / CIRCLE_POINTS) * 2 * Math.PI;
    return [lon + east * Math.cos(angle), lat + north * Math.sin(angle)];
  });
  return { type: "Feature", properties: {}, geometry: { type: "Polygon", coordinates: [ring] } };
}
