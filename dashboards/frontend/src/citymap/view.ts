// The city on a map: tiles of assets that the server clusters and counts, what is wrong always on top. One class for the
// map's own page, for the overview, for boards and for the wall; what surrounds it is theirs.
import { type GeoJSONSource, LngLatBounds, type Map as Canvas } from "maplibre-gl";
import type { Position } from "../geometry";
import type { LiveEvent } from "../live";
import type { Page } from "../page";
import { settled } from "../settled";
import { THEME_CHANGED } from "../theme";
import { openCanvas } from "./canvas";
import { ALL_FAMILIES, type Facts, crsOf, fetchFacts } from "./facts";
import { COUNTED, type Counted, type InView, ViewCounter } from "./inview";
import { Missing } from "./missing";
import { gridOver, MOST_ON_STREETS, STREETS_FROM, streetsAlong } from "./plain";
import { Pointer, type PointerNews } from "./pointer";
import { offMap, ontoMap, type Crs } from "./shift";
import { type Addresses, type Choice, styleOf } from "./style";
import type { TileFeature } from "./things";
import { ASSETS } from "./things_style";

/** What the owner of a map decides once. */
export interface CityMapOptions extends PointerNews {
  /** whether people may move it and open what is on it */
  readonly interactive: boolean;
  /** where tiles are asked for, with {z} {x} {y} */
  readonly tilesAddress: string;
  /** where the facts are: how far the city reaches, its base map, its layers */
  readonly factsAddress: string;
  /** the facts, where they were asked for already: they travel while the map's code does */
  readonly facts?: Promise<Facts>;
  /** tiles of areas and of cases; without them neither can be shown */
  readonly areasAddress?: string;
  readonly casesAddress?: string;
  /** only what is wrong, on the plain ground */
  readonly wrongOnly?: boolean;
  /** whether the base map is shown from the beginning; where it isn't said it is */
  readonly base?: boolean;
  /** families of things that are shown from the beginning; where none are said, all */
  readonly families?: readonly string[];
  /** only what is wrong at least so severely */
  readonly severity?: number;
  /** days of cases in the heat from the beginning */
  readonly heat?: number;
  /** kind of these cases; "" all */
  readonly heatKind?: string;
  /** whether vehicles, recorders and handsets are shown from the beginning; whoever opens it fills in where they are */
  readonly mobile?: boolean;
  /** level of the areas that are outlined from the beginning */
  readonly areas?: string;
  /** keys of catalogue layers that are on from the beginning */
  readonly layers?: readonly string[];
  /** where it looks at first; without it at the whole city */
  readonly place?: { readonly center: Position; readonly zoom: number };
  /** how many pixels at its edges are covered, so that the city is fitted into the rest */
  readonly room?: { readonly top: number; readonly right: number; readonly bottom: number; readonly left: number };
  /** whether two fingers move it, so that one still scrolls the page around it */
  readonly embedded?: boolean;
  /** the map came to rest: what it shows now */
  readonly onView?: (view: InView) => void;
}

/** After the first event the tiles are asked at once, then no oftener than this. */
const REFRESH_EVERY_MS = 2_000;
/** A map whose tiles do not come is printed without them. */
const STILL_AT_MOST_MS = 5_000;
/** Things counted at a time, some five milliseconds of a slow machine; between them the page may answer its reader. */
const AT_ONCE = 2_000;

export class CityMap {
  canvas: Canvas | undefined;
  facts: Facts | undefined;
  crs: Crs = "wgs84";
  choice: Choice;
  /** settles once the map is there: false where the browser can't draw it */
  readonly ready: Promise<boolean>;
  private readonly filled = new Map<string, { readonly type: "FeatureCollection"; readonly features: readonly unknown[] }>();
  private ringed: number | undefined;
  private waitingRefresh: ReturnType<typeof setTimeout> | undefined;
  private refreshedAt = 0;
  /** its tiles are older than what it was told of */
  private behind = false;
  /** assets that the stream told of, and when */
  private readonly told = new Map<number, number>();
  private closed = false;
  private pointer: Pointer | undefined;
  private missing: Missing | undefined;
  private readonly lookAgain: () => void;
  private readonly restyle = (): void => this.draw(false);
  private readonly lookedAt = (): void => {
    if (this.behind) this.refresh();
  };

  constructor(
    private readonly box: HTMLElement,
    private readonly page: Page,
    private readonly options: CityMapOptions,
  ) {
    this.choice = {
      base: options.base ?? true,
      plain: false,
      areas: options.areas ?? "",
      heat: options.heat ?? 0,
      heatKind: options.heatKind ?? "",
      mobile: options.mobile ?? false,
      families: options.families ?? ALL_FAMILIES,
      severity: options.severity ?? 0,
      layers: options.layers ?? [],
      wrongOnly: options.wrongOnly ?? false,
    };
    this.lookAgain = settled(async () => this.look(), 250);
    this.ready = this.open();
  }

  /** Asks for the tiles again; what has not changed costs the server a look at its ETag. */
  refresh(): void {
    // in a page that nobody looks at, once it is looked at again
    this.behind = document.hidden;
    if (this.behind || this.waitingRefresh !== undefined) return;
    const wait = Math.max(0, this.refreshedAt + REFRESH_EVERY_MS - Date.now());
    this.waitingRefresh = setTimeout(() => {
      this.waitingRefresh = undefined;
      this.refreshedAt = Date.now();
      if (this.canvas?.getSource(ASSETS) !== undefined) this.canvas.refreshTiles(ASSETS);
      if (this.canvas?.getSource("cases") !== undefined) this.canvas.refreshTiles("cases");
    }, wait);
  }

  /** Takes in what the stream just told: the thing changes colour at once, its tile follows. */
  follow(event: LiveEvent): void {
    if (!/^(?:alert|case)_/.test(event.kind)) return;
    const id = Number(event.body.asset_id ?? 0);
    const severity = Number(event.body.severity ?? 0);
    const begins = event.kind === "alert_fired" || event.kind === "case_opened" || event.body.change === "step_up";
    if (id > 0 && severity > 0 && begins && this.canvas?.getSource(ASSETS) !== undefined) {
      this.canvas.setFeatureState({ source: ASSETS, sourceLayer: "assets", id }, { s: severity });
      this.told.set(id, Date.now());
    } else if (id > 0 && !begins && this.canvas?.getSource(ASSETS) !== undefined) {
      this.canvas.removeFeatureState({ source: ASSETS, sourceLayer: "assets", id }, "s");
    }
    this.refresh();
  }

  /** Once the tiles that were asked for after it have come, they know what the stream told: it may have missed the end of it. */
  private trustTiles(): void {
    if (this.canvas?.getSource(ASSETS) === undefined || this.missing?.of(ASSETS) === true) return;
    for (const [id, at] of this.told) {
      if (at > this.refreshedAt) continue;
      this.told.delete(id);
      this.canvas.removeFeatureState({ source: ASSETS, sourceLayer: "assets", id }, "s");
    }
  }

  /** Rings one asset, or none. */
  point(assetId: number | undefined): void {
    this.ringed = assetId;
    this.ring(assetId);
  }

  /** Rings another one for a while, say that of the line below the pointer; none: the one before again. */
  glance(assetId: number | undefined): void {
    this.ring(assetId ?? this.ringed);
  }

  private ring(assetId: number | undefined): void {
    for (const layer of ["ring", "ring-calm"]) {
      if (this.canvas?.getLayer(layer) !== undefined) this.canvas.setFilter(layer, ["==", ["get", "id"], assetId ?? -1]);
    }
  }

  /** Changes what is switched on. */
  choose(change: Partial<Choice>): void {
    this.choice = { ...this.choice, ...change };
    this.draw(true);
  }

  /** Moves to a WGS-84 place, or to a frame of them (west, south, east, north). */
  goTo(where: { readonly at: Position; readonly zoom?: number } | { readonly bbox: readonly [number, number, number, number] }, quick = false): void {
    const still = quick || matchMedia("(prefers-reduced-motion: reduce)").matches;
    if ("at" in where) {
      const center = ontoMap([where.at[0], where.at[1]], this.crs);
      const zoom = Math.max(where.zoom ?? 17.5, 3);
      if (still) this.canvas?.jumpTo({ center, zoom });
      else this.canvas?.flyTo({ center, zoom, maxDuration: 1_600 });
      return;
    }
    const [west, south, east, north] = where.bbox;
    const bounds = new LngLatBounds(ontoMap([west, south], this.crs), ontoMap([east, north], this.crs));
    this.canvas?.fitBounds(bounds, { padding: this.room, maxZoom: 17.5, ...(still ? { duration: 0 } : { maxDuration: 1_600 }) });
  }

  /** Where it looks, in WGS-84. */
  place(): { center: Position; zoom: number } {
    const at = this.canvas?.getCenter();
    return { center: at === undefined ? [0, 0] : offMap([at.lng, at.lat], this.crs), zoom: this.canvas?.getZoom() ?? 0 };
  }

  /** Lays lines, surfaces and points over the map, in the map's own coordinates: `sketch`, `here`, `mobile`. */
  fill(name: string, features: readonly unknown[]): void {
    // the same again would be drawn again, and whoever fills when the map has come to rest would be told so for ever
    if (JSON.stringify(features) === JSON.stringify(this.filled.get(name)?.features)) return;
    this.filled.set(name, { type: "FeatureCollection", features });
    this.restore(name);
  }

  /** Settles once it has drawn all that it waits for. */
  still(): Promise<void> {
    const canvas = this.canvas;
    if (canvas === undefined || (canvas.loaded() && !canvas.isMoving())) return Promise.resolve();
    return new Promise((done) => {
      setTimeout(done, STILL_AT_MOST_MS);
      canvas.once("idle", () => done());
    });
  }

  /** The picture as it is now, for paper. */
  picture(): string {
    this.canvas?.redraw();
    return this.canvas?.getCanvas().toDataURL("image/png") ?? "";
  }

  close(): void {
    this.closed = true;
    removeEventListener(THEME_CHANGED, this.restyle);
    document.removeEventListener("visibilitychange", this.lookedAt);
    clearTimeout(this.waitingRefresh);
    this.pointer?.stop();
    this.missing?.stop();
    this.canvas?.remove();
    this.canvas = undefined;
  }

  private async open(): Promise<boolean> {
    const { t } = this.page;
    try {
      this.facts = await (this.options.facts ?? fetchFacts(this.options.factsAddress));
    } catch {
      this.tell(t("map.no_facts"));
      return false;
    }
    if (this.closed) return false;
    this.crs = crsOf(this.facts);
    try {
      this.canvas = this.openCanvas(this.facts);
    } catch (error) {
      console.warn("the map can't be drawn", error);
      this.tell(t("map.failed"));
      return false;
    }
    if (this.facts.assets === 0) this.tell(t("map.none"));
    else this.box.querySelector(".map-wait")?.remove();
    return true;
  }

  private openCanvas(facts: Facts): Canvas {
    const { place, interactive, embedded = false } = this.options;
    const whole = facts.bbox === null ? { center: [104, 34] as Position, zoom: 3 } : { bounds: this.around(facts.bbox), padding: this.room };
    const look = place === undefined ? whole : { center: ontoMap(place.center, this.crs), zoom: place.zoom };
    const canvas = openCanvas(this.box, { style: this.style(facts), interactive, embedded, look }, this.page.t);
    canvas.on("style.load", () => this.restore());
    canvas.on("moveend", () => this.drawGrid());
    canvas.on("idle", () => this.rested());
    // a base map that never answers keeps the map from coming to rest
    canvas.on("sourcedata", ({ sourceId }) => {
      if (this.choice.plain && sourceId === ASSETS && canvas.isSourceLoaded(ASSETS)) this.rested();
    });
    canvas.on("movestart", () => delete this.box.dataset.drawn);
    this.missing = new Missing(canvas, this.page.t, (plain) => {
      this.choose({ plain });
      if (plain) this.rested();
    });
    this.missing.start(this.box, interactive);
    if (interactive) {
      this.pointer = new Pointer(canvas, this.options);
      this.pointer.start();
    }
    addEventListener(THEME_CHANGED, this.restyle);
    document.addEventListener("visibilitychange", this.lookedAt);
    this.addAttribution(facts);
    return canvas;
  }

  /** All that was asked for has been drawn, as far as it comes. */
  private rested(): void {
    this.box.dataset.drawn = "";
    this.trustTiles();
    this.lookAgain();
  }

  private around([west, south, east, north]: readonly [number, number, number, number]): LngLatBounds {
    return new LngLatBounds(ontoMap([west, south], this.crs), ontoMap([east, north], this.crs));
  }

  private style(facts: Facts): ReturnType<typeof styleOf> {
    const { tilesAddress, areasAddress = "", casesAddress = "" } = this.options;
    const addresses: Addresses = { tiles: tilesAddress, areas: areasAddress, cases: casesAddress, origin: location.origin };
    const choice: Choice = {
      ...this.choice,
      areas: areasAddress === "" ? "" : this.choice.areas,
      heat: casesAddress === "" ? 0 : this.choice.heat,
    };
    const words = { each: Number(this.page.t("map.count_each")), unit: this.page.t("map.count_unit") };
    return styleOf(facts, choice, addresses, this.crs, words);
  }

  private draw(diff: boolean): void {
    if (this.canvas === undefined || this.facts === undefined) return;
    this.canvas.setStyle(this.style(this.facts), { diff });
    if (diff) this.restore();
  }

  /** Puts back what a new style does not hold: what was laid over the map, and the ring. */
  private restore(only?: string): void {
    for (const [name, data] of this.filled) {
      if (only !== undefined && name !== only) continue;
      // our own types are read-only; MapLibre's are not
      this.canvas?.getSource<GeoJSONSource>(name)?.setData(data as Parameters<GeoJSONSource["setData"]>[0]);
    }
    if (only !== undefined) return;
    this.point(this.ringed);
    this.drawGrid();
  }

  private get room(): NonNullable<CityMapOptions["room"]> {
    return this.options.room ?? { top: 32, right: 32, bottom: 32, left: 32 };
  }

  private get plain(): boolean {
    return this.canvas?.getLayer("grid") !== undefined;
  }

  private drawGrid(): void {
    if (this.canvas === undefined || !this.plain) return;
    this.fill("grid", gridOver(this.canvas));
  }

  /** After each rest: what is in view, and the streets along which it stands. */
  private async look(): Promise<void> {
    const canvas = this.canvas;
    // on paper the map has another size, and its list must stay that of its picture
    if (canvas === undefined || canvas.isMoving() || matchMedia("print").matches) return;
    const near = this.plain && canvas.getZoom() >= STREETS_FROM;
    const things = near || this.options.onView !== undefined ? this.tileFeatures(canvas, "assets") : [];
    if (near && things.length <= MOST_ON_STREETS) this.fill("streets", streetsAlong(things));
    else if (this.filled.has("streets")) this.fill("streets", []);
    const view = this.options.onView === undefined ? undefined : await this.count(canvas, things);
    if (view !== undefined) this.options.onView?.(view);
  }

  /** What the map shows, counted in pieces; undefined when it moved on meanwhile: its next rest counts again. */
  private async count(canvas: Canvas, things: readonly TileFeature[]): Promise<InView | undefined> {
    const bounds = canvas.getBounds();
    const [west, south, east, north] = [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()];
    const counter = new ViewCounter(([x, y]) => x >= west && x <= east && y >= south && y <= north, this.choice.families, this.choice.severity);
    for (const layer of COUNTED) {
      const features = layer === "assets" ? things : this.tileFeatures(canvas, layer);
      for (let from = 0; from < features.length; from += AT_ONCE) {
        if (from > 0) await new Promise((done) => setTimeout(done));
        if (this.canvas !== canvas || canvas.isMoving()) return undefined;
        counter.add(layer, features.slice(from, from + AT_ONCE));
      }
    }
    return counter.result();
  }

  /** How many of the newest cases the heat is made of, and since when, where those are not all; undefined where they are. */
  heatCut(): { readonly n: number; readonly since: string } | undefined {
    if (this.canvas?.getSource("cases") === undefined) return undefined;
    const [cut] = this.canvas.querySourceFeatures("cases", { sourceLayer: "cut", validate: false });
    return cut === undefined ? undefined : { n: Number(cut.properties.n), since: String(cut.properties.since) };
  }

  private tileFeatures(canvas: Canvas, sourceLayer: Counted): readonly TileFeature[] {
    if (canvas.getSource(ASSETS) === undefined) return [];
    return canvas.querySourceFeatures(ASSETS, { sourceLayer, validate: false }) as readonly TileFeature[];
  }

  private addAttribution(facts: Facts): void {
    const said = facts.base.kind === "none" ? "" : (facts.base.attribution ?? "");
    if (said === "") return;
    const line = document.createElement("p");
    line.className = "map-attribution";
    line.textContent = said;
    this.box.append(line);
  }

  private tell(text: string): void {
    let note = this.box.querySelector<HTMLElement>(".map-wait");
    if (note === null) {
      note = document.createElement("p");
      note.className = "map-wait soft small";
      this.box.append(note);
    }
    note.textContent = text;
  }
}
