// Live values of one asset: fetched every two seconds while somebody looks, with their age.
import { fetchJson, type PointValue } from "./answers";
import { cityNow } from "./clock";
import { ago, quantity } from "./format";
import { type Page, part, say } from "./page";

const EVERY_MS = 2_000;
/** A value older than this many seconds is shown as old. */
const OLD_AFTER_S = 60;

interface ValuesAnswer {
  readonly values: readonly PointValue[];
}

/** Whether a value is too old to be called live. */
export function isOld(measuredMs: number, nowMs: number): boolean {
  return nowMs - measuredMs > OLD_AFTER_S * 1000;
}

class Tiles {
  private heardAt = Date.now();
  private failed = false;
  private values: readonly PointValue[] = [];

  constructor(
    private readonly card: HTMLElement,
    private readonly page: Page,
  ) {}

  async load(): Promise<void> {
    try {
      this.values = (await fetchJson<ValuesAnswer>(this.card.dataset.values ?? "")).values;
      this.heardAt = Date.now();
      this.failed = false;
    } catch {
      this.failed = true;
    }
    this.show();
  }

  private show(): void {
    const { t, clock } = this.page;
    say(part("[data-values-age]", this.card), t(this.failed ? "asset.stale" : "asset.age", { clock: clock(this.heardAt) }));
    for (const value of this.values) {
      const tile = this.card.querySelector<HTMLElement>(`[data-point="${value.point_id}"]`);
      if (tile !== null) this.fill(tile, value);
    }
  }

  private fill(tile: HTMLElement, value: PointValue): void {
    const symbol = tile.dataset.symbol ?? "";
    const { t } = this.page;
    say(part('[data-slot="value"]', tile), quantity(value.value, value.decimals, symbol));
    const base = tile.querySelector('[data-slot="baseline"]');
    if (base !== null && value.value !== null && value.baseline !== 0) {
      const off = value.value - value.baseline;
      const sign = off > 0 ? "+" : "";
      say(base, t("asset.baseline", { value: sign + quantity(off, value.decimals, symbol) }));
    }
    if (value.measured_at === null) return;
    const measured = Date.parse(value.measured_at);
    const now = cityNow();
    say(part('[data-slot="age"]', tile), ago(measured, now, t));
    tile.classList.toggle("old", isOld(measured, now));
  }
}

/** Keeps the value tiles of the page fresh, if it has any. */
export function startValues(page: Page): void {
  const card = document.querySelector<HTMLElement>("[data-values]");
  if (card?.querySelector("[data-point]") == null) return;
  const tiles = new Tiles(card, page);
  let busy = false;
  setInterval(() => {
    if (document.hidden || busy) return;
    busy = true;
    void tiles.load().finally(() => {
      busy = false;
    });
  }, EVERY_MS);
  void tiles.load();
}
