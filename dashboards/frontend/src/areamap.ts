// Outlines of areas on a map that needs nothing from outside; each leads to its page.
import {
  type GeoJSONSource,
  type LayerSpecification,
  type Map as Canvas,
  type StyleSpecification,
} from "maplibre-gl";
import { fetchJson } from "./answers";
import { openCanvas } from "./canvas";
import { element } from "./elements";
import { graticule } from "./geometry";
import { type Areas, frameOfAreas } from "./outlines";
import { type Page, say } from "./page";
import { colour, THEME_CHANGED } from "./theme";

const NOTHING: Areas = { type: "FeatureCollection", truncated: false, features: [] };

export class AreaMap {
  private canvas: Canvas | undefined;
  private areas: Areas = NOTHING;
  private note: HTMLElement | null;

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

  /** Fetches the outlines and moves to them. */
  async load(): Promise<void> {
    if (this.canvas === undefined) return;
    try {
      this.areas = await fetchJson<Areas>(this.box.dataset.areaMap ?? "");
    } catch {
      this.tell(this.page.t("map.failed"));
      return;
    }
    this.tell(this.areas.features.length === 0 ? (this.box.dataset.none ?? "") : "");
    const cut = this.box.parentElement?.querySelector<HTMLElement>("[data-area-cut]");
    if (cut != null) cut.hidden = !this.areas.truncated;
    this.draw();
    const around = frameOfAreas(this.areas.features);
    if (around === undefined) return;
    const { west, south, east, north } = around;
    this.canvas.fitBounds([west, south, east, north], { padding: 28, maxZoom: 18, duration: 0 });
  }

  private open(): Canvas {
    const canvas = openCanvas(this.box, this.page, this.style(), { center: [105, 35], zoom: 3 });
    canvas.on("style.load", () => this.draw());
    canvas.on("moveend", () => this.drawGrid());
    canvas.on("idle", () => {
      this.box.dataset.drawn = String(this.areas.features.length);
    });
    canvas.on("mousemove", "fill", (event) => {
      const found = event.features?.[0]?.properties;
      this.box.title = found === undefined ? "" : `${String(found.name)} ${String(found.code)}`;
      canvas.getCanvas().style.cursor = "pointer";
    });
    canvas.on("mouseleave", "fill", () => {
      this.box.title = "";
      canvas.getCanvas().style.cursor = "";
    });
    canvas.on("click", "fill", (event) => {
      const id = Number(event.features?.[0]?.properties.id);
      if (Number.isFinite(id)) location.assign((this.box.dataset.areaPage ?? "").replace(/0$/, String(id)));
    });
    addEventListener(THEME_CHANGED, () => canvas.setStyle(this.style(), { diff: false }));
    return canvas;
  }

  private draw(): void {
    this.fill("areas", this.areas);
    this.drawGrid();
  }

  private drawGrid(): void {
    const bounds = this.canvas?.getBounds();
    if (bounds === undefined || this.box.dataset.tiles) return;
    const frame = { west: bounds.getWest(), south: bounds.getSouth(), east: bounds.getEast(), north: bounds.getNorth() };
    const coordinates = graticule(frame);
    this.fill("grid", { type: "Feature", properties: {}, geometry: { type: "MultiLineString", coordinates } });
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
        areas: empty,
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
    { id: "fill", type: "fill", source: "areas", paint: { "fill-color": colour("accent-ground"), "fill-opacity": 0.16 } },
    {
      id: "border",
      type: "line",
      source: "areas",
      layout: { "line-join": "round" },
      paint: { "line-color": colour("accent-ground"), "line-width": 1.5 },
    },
    {
      id: "name",
      type: "symbol",
      source: "areas",
      layout: {
        "text-field": ["get", "name"],
        "text-font": ["sans-serif"],
        "text-size": ["interpolate", ["linear"], ["zoom"], 8, 10, 16, 14],
      },
      paint: { "text-color": colour("ink"), "text-halo-color": colour("surface"), "text-halo-width": 1.5 },
    },
  ];
}
