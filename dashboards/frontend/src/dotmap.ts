// A small map of points that are not (yet) the city's assets: rows of a file beside what is on file. Needs nothing from
// outside; with a tile address configured it lies on those tiles, which show at once when a coordinate system is wrong.
import {
  type GeoJSONSource,
  type LayerSpecification,
  type Map as Canvas,
  type StyleSpecification,
} from "maplibre-gl";
import { fetchJson, Refused } from "./answers";
import { openCanvas } from "./canvas";
import { element } from "./elements";
import { frameOf, graticule, type OnRoad, type Position, streets } from "./geometry";
import { type Page, say } from "./page";
import { colour, THEME_CHANGED } from "./theme";

/** One thing on the map; `g` is its group: "file" (a row of the file) or "asset" (on file already). */
interface Dot {
  readonly type: "Feature";
  readonly geometry: { readonly type: "Point"; readonly coordinates: Position };
  readonly properties: { readonly g: string; readonly n?: string; readonly r?: string };
}

export interface Dots {
  readonly type: "FeatureCollection";
  readonly features: readonly Dot[];
  /** what is wrong with the places as they are now; shown instead of an empty map */
  readonly problem?: string;
}

const NOTHING: Dots = { type: "FeatureCollection", features: [] };

export class DotMap {
  private canvas: Canvas | undefined;
  private dots: Dots = NOTHING;
  private note: HTMLElement | null;
  private asked = 0;

  constructor(
    private readonly box: HTMLElement,
    private readonly page: Page,
  ) {
    this.note = box.querySelector(".map-wait");
    try {
      this.canvas = this.open();
    } catch {
      this.tell(page.t("map.failed"));
    }
  }

  /** Shows what `address` answers and moves to it; an answer that comes after a later question is dropped. */
  async show(address: string): Promise<void> {
    if (this.canvas === undefined) return;
    this.asked += 1;
    const question = this.asked;
    try {
      const dots = await fetchJson<Dots>(address);
      if (question !== this.asked) return;
      this.dots = dots;
    } catch (error) {
      if (question !== this.asked) return;
      this.dots = { ...NOTHING, problem: error instanceof Refused ? error.message : this.page.t("map.failed") };
    }
    const none = this.box.dataset.none ?? this.page.t("map.no_places");
    this.tell(this.dots.problem ?? (this.dots.features.length === 0 ? none : ""));
    this.draw();
    this.frame();
  }

  /** Shows these places and moves to them. */
  put(dots: Dots): void {
    this.asked += 1;
    this.dots = dots;
    this.tell("");
    this.draw();
    this.frame(20);
  }

  private open(): Canvas {
    const canvas = openCanvas(this.box, this.page, this.style(), { center: [105, 35], zoom: 3 });
    canvas.on("style.load", () => this.draw());
    canvas.on("moveend", () => this.drawGrid());
    canvas.on("idle", () => {
      this.box.dataset.drawn = String(this.dots.features.length);
    });
    canvas.on("mousemove", (event) => {
      const found = canvas.queryRenderedFeatures(event.point, { layers: ["asset", "file"] })[0];
      this.box.title = String(found?.properties.n ?? "");
    });
    addEventListener(THEME_CHANGED, () => canvas.setStyle(this.style(), { diff: false }));
    return canvas;
  }

  private draw(): void {
    const of = (group: string): Dot[] => this.dots.features.filter((dot) => dot.properties.g === group);
    this.fill("file", { type: "FeatureCollection", features: of("file") });
    this.fill("asset", { type: "FeatureCollection", features: of("asset") });
    const roads: OnRoad[] = of("asset").map((dot) => ({ road: dot.properties.r ?? "", at: dot.geometry.coordinates }));
    this.lines("streets", this.box.dataset.tiles ? [] : streets(roads));
    this.drawGrid();
  }

  private drawGrid(): void {
    const bounds = this.canvas?.getBounds();
    if (bounds === undefined || this.box.dataset.tiles) return;
    const [west, south, east, north] = [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()];
    this.lines("grid", graticule({ west, south, east, north }));
  }

  private frame(closest = 18): void {
    // around the file's rows; what is on file far away must not make them a speck
    const rows = this.dots.features.filter((dot) => dot.properties.g === "file");
    const shown = rows.length > 0 ? rows : this.dots.features;
    const around = frameOf(shown.map((dot) => dot.geometry.coordinates));
    if (around === undefined) return;
    const { west, south, east, north } = around;
    this.canvas?.fitBounds([west, south, east, north], { padding: 40, maxZoom: closest, duration: 0 });
  }

  private lines(name: string, coordinates: Position[][]): void {
    this.fill(name, { type: "Feature", properties: {}, geometry: { type: "MultiLineString", coordinates } });
  }

  private fill(name: string, data: unknown): void {
    // our own types are read-only; MapLibre's are not
    this.canvas?.getSource<GeoJSONSource>(name)?.setData(data as Parameters<GeoJSONSource["setData"]>[0]);
  }

  private tell(text: string): void {
    if (text === "") {
      this.note?.remove();
      return;
    }
    this.note ??= element("p", { class: "map-wait soft small" });
    say(this.note, text);
    if (!this.note.isConnected) this.box.append(this.note);
  }

  private style(): StyleSpecification {
    const tiles = this.box.dataset.tiles ?? "";
    const empty = { type: "geojson" as const, data: { type: "FeatureCollection" as const, features: [] } };
    return {
      version: 8,
      sources: {
        ...(tiles === "" ? {} : { tiles: { type: "raster" as const, tiles: [tiles], tileSize: 256 } }),
        grid: empty,
        streets: empty,
        asset: empty,
        file: empty,
      },
      layers: layers(tiles !== ""),
    };
  }
}

function layers(withTiles: boolean): LayerSpecification[] {
  return [
    { id: "ground", type: "background", paint: { "background-color": colour("surface-sunk") } },
    ...(withTiles ? [{ id: "tiles", type: "raster" as const, source: "tiles" }] : []),
    { id: "grid", type: "line", source: "grid", paint: { "line-color": colour("line"), "line-width": 1 } },
    {
      id: "streets",
      type: "line",
      source: "streets",
      layout: { "line-join": "round", "line-cap": "round" },
      paint: {
        "line-color": colour("line"),
        "line-width": ["interpolate", ["exponential", 1.6], ["zoom"], 11, 1.5, 15, 7, 19, 40],
      },
    },
    {
      // on file: a ring, so that a row's dot is still seen in the middle of it
      id: "asset",
      type: "circle",
      source: "asset",
      paint: {
        "circle-radius": ["interpolate", ["linear"], ["zoom"], 10, 2.5, 15, 6, 19, 11],
        "circle-color": "rgba(0,0,0,0)",
        "circle-stroke-width": 2,
        "circle-stroke-color": colour("ink-soft"),
      },
    },
    {
      id: "file",
      type: "circle",
      source: "file",
      paint: {
        "circle-radius": ["interpolate", ["linear"], ["zoom"], 10, 2.5, 15, 4.5, 19, 7],
        "circle-color": colour("accent-ground"),
        "circle-stroke-width": 1,
        "circle-stroke-color": colour("surface"),
      },
    },
  ];
}
