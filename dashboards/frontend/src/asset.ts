// The asset's page: live values, and the chart of the one that was chosen.
import { fetchJson, type SeriesAnswer } from "./answers";
import { Chart, type Quantity } from "./chart";
import { cityNow } from "./clock";
import { RANGES, refreshEvery } from "./curve";
import { startLive } from "./live";
import { lookForNews, showFreshNote } from "./news";
import { type Page, part, say, thisPage } from "./page";
import { lightOnPaper } from "./paper";
import { startPhotoFacts } from "./photo_facts";
import { THEME_CHANGED } from "./theme";
import { startUploads } from "./upload";
import { startValues } from "./values";

const POINTS = 800;

interface Span {
  readonly sinceMs: number;
  readonly untilMs: number;
}

class ChartPanel {
  private readonly chart: Chart;
  private tile: HTMLElement | undefined;
  private range = "1h";
  private zoomed: Span | undefined;
  private asked = 0;
  private answered = 0;
  private loadedAt = 0;

  constructor(private readonly page: Page) {
    this.chart = new Chart(part("[data-chart]"), part("[data-readout]"), page, (sinceMs, untilMs) => {
      this.zoomed = { sinceMs, untilMs };
      void this.load();
    });
    for (const tile of document.querySelectorAll<HTMLElement>("button[data-series]")) {
      tile.addEventListener("click", () => this.choose(tile));
    }
    for (const button of document.querySelectorAll<HTMLButtonElement>("[data-range]")) {
      button.addEventListener("click", () => this.setRange(button.dataset.range ?? "1h"));
    }
    part("[data-range-back]").addEventListener("click", () => this.setRange(this.range));
    addEventListener(THEME_CHANGED, () => this.chart.draw());
    lightOnPaper();
    setInterval(() => this.keepFresh(), 1_000);
  }

  choose(tile: HTMLElement): void {
    this.tile = tile;
    for (const other of document.querySelectorAll("button[data-series]")) {
      other.setAttribute("aria-pressed", String(other === tile));
    }
    const symbol = tile.dataset.symbol ?? "";
    const title = this.page.t(`point.${tile.dataset.name}`);
    say(part("[data-chart-title]"), symbol === "" ? title : `${title} (${symbol})`);
    void this.load();
  }

  private setRange(range: string): void {
    this.range = range;
    this.zoomed = undefined;
    void this.load();
  }

  /** Not while an answer is waited for: on a slow line each question would do away with the one before it. */
  private keepFresh(): void {
    if (this.asked !== this.answered) return;
    const due = Date.now() - this.loadedAt > refreshEvery(RANGES[this.range] ?? 0);
    if (!document.hidden && this.zoomed === undefined && due) void this.load();
  }

  private span(): Span {
    const untilMs = cityNow();
    return this.zoomed ?? { sinceMs: untilMs - (RANGES[this.range] ?? 0), untilMs };
  }

  private async load(): Promise<void> {
    if (this.tile === undefined) return;
    this.showRange();
    const tile = this.tile;
    const { sinceMs, untilMs } = this.span();
    const query = new URLSearchParams({
      since: new Date(sinceMs).toISOString(),
      until: new Date(untilMs).toISOString(),
      points: String(POINTS),
    });
    this.loadedAt = Date.now();
    const mine = ++this.asked;
    try {
      const answer = await fetchJson<SeriesAnswer>(`${tile.dataset.series}?${query}`);
      if (mine === this.asked) this.chart.show(quantityOf(tile), answer);
    } catch {
      if (mine === this.asked) this.chart.tell(this.page.t("chart.failed"));
    } finally {
      if (mine === this.asked) this.answered = mine;
    }
  }

  private showRange(): void {
    for (const button of document.querySelectorAll<HTMLElement>("[data-range]")) {
      button.setAttribute("aria-pressed", String(this.zoomed === undefined && button.dataset.range === this.range));
    }
    part("[data-range-back]").hidden = this.zoomed === undefined;
  }
}

function quantityOf(tile: HTMLElement): Quantity {
  return {
    name: tile.dataset.name ?? "",
    symbol: tile.dataset.symbol ?? "",
    decimals: Number(tile.dataset.decimals ?? 2),
  };
}

/** The tile to begin with: the one in the address, the one in alert, or the tilt. */
function firstTile(): HTMLElement | null {
  const wanted = new URLSearchParams(location.search).get("point");
  const alerting = document.querySelector<HTMLElement>("[data-alert-point]")?.dataset.alertPoint;
  const find = (rest: string): HTMLElement | null => document.querySelector(`button[data-series]${rest}`);
  return (
    (wanted === null || !/^\d+$/.test(wanted) ? null : find(`[data-point="${wanted}"]`)) ??
    (alerting === undefined ? null : find(`[data-name="${alerting}"]`)) ??
    find('[data-name="tilt_z"]') ??
    find("")
  );
}

/** The alerts and cases that the page leads to. */
function troublesOf(page: Document): string {
  const leads = page.querySelectorAll('main a[href^="/alerts/"], main a[href^="/cases/"]');
  return Array.from(leads, (lead) => lead.getAttribute("href")).join();
}

async function start(page: Page): Promise<void> {
  startPhotoFacts();
  startUploads(page);
  startValues(page);
  const first = firstTile();
  if (first !== null) new ChartPanel(page).choose(first);
  const assetId = Number(document.body.dataset.asset);
  startLive(page, {
    onEvent: (event) => {
      if (event.body.asset_id === assetId) showFreshNote(event);
    },
    onMissed: () => void lookForNews(troublesOf).catch(() => undefined), // the badge tells that nobody answers
  });
}

void thisPage().then(start);
