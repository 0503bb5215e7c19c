// Keeps on a map where vehicles, recorders and handsets are: asks now and then while they are shown. A request that fails
// leaves what is shown, and lets it grow old.
import type { Page } from "../page";
import { featuresOf, fetchPlaces, MOBILE, type MobilePlaces, type MobileResource, NO_PLACES } from "./mobile";
import type { CityMap } from "./view";

const ASK_EVERY_MS = 30_000;

export interface MobileOptions {
  /** with names and ages below the signs */
  readonly named: boolean;
  /** they were asked for again, or have grown older */
  readonly onChange?: () => void;
}

export class MobileLayer {
  places: MobilePlaces = NO_PLACES;
  private timer: ReturnType<typeof setInterval> | undefined;
  private readonly ask = (): void => void this.look();

  constructor(
    private readonly map: CityMap,
    private readonly page: Page,
    private readonly address: string,
    private readonly options: MobileOptions,
  ) {}

  /** Whether they are on the map; the style's own choice is whoever's owns the map. */
  show(on: boolean): void {
    if (on === (this.timer !== undefined)) return;
    clearInterval(this.timer);
    this.timer = on ? setInterval(this.ask, ASK_EVERY_MS) : undefined;
    // in a page that nobody looked at everything has grown old
    document.removeEventListener("visibilitychange", this.ask);
    if (on) document.addEventListener("visibilitychange", this.ask);
    if (on) this.ask();
    else this.options.onChange?.();
  }

  get shown(): boolean {
    return this.timer !== undefined;
  }

  find(id: number): MobileResource | undefined {
    return this.places.resources.find((each) => each.id === id);
  }

  private async look(): Promise<void> {
    if (document.hidden) return;
    if (this.places !== NO_PLACES) this.draw();
    try {
      this.places = await fetchPlaces(this.address);
    } catch {
      // what is shown stays, with its age
    }
    if (this.shown) this.draw();
  }

  private draw(): void {
    this.map.fill(MOBILE, featuresOf(this.places, this.map.crs, Date.now(), this.options.named ? this.page.t : undefined));
    this.options.onChange?.();
  }
}
