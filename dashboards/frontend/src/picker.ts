// A map on which one place is chosen: by a click, or with the arrow keys and Enter. What is on file lies on it as rings,
// so that a thing that has a file already is seen.
import { type GeoJSONSource, Map as Canvas, NavigationControl, ScaleControl, setWorkerUrl } from "maplibre-gl";
import workerUrl from "virtual:maplibre-worker";
import "maplibre-gl/dist/maplibre-gl.css";
import { fetchJson } from "./answers";
import { frameOf, graticule, type Position } from "./geometry";
import type { Page } from "./page";
import { colour } from "./theme";

interface OnFile {
  readonly features: readonly { readonly geometry: { readonly coordinates: Position } }[];
}

const CLOSE = 18;

setWorkerUrl(workerUrl);

export class Picker {
  private readonly canvas: Canvas;

  constructor(
    private readonly box: HTMLElement,
    page: Page,
    private readonly address: string,
    private readonly chosen: (lon: number, lat: number) => void,
  ) {
    this.canvas = this.open(page);
  }

  /** Moves to a place. */
  show(lon: number, lat: number): void {
    this.canvas.jumpTo({ center: [lon, lat], zoom: CLOSE });
  }

  /** Moves to where the city's assets are. */
  async showCity(): Promise<void> {
    const all = await fetchJson<OnFile>(this.address).catch(() => undefined);
    const around = frameOf((all?.features ?? []).map((each) => each.geometry.coordinates));
    if (around === undefined) return;
    const { west, south, east, north } = around;
    this.canvas.fitBounds([west, south, east, north], { padding: 30, maxZoom: CLOSE, duration: 0 });
  }

  private open(page: Page): Canvas {
    const tiles = this.box.dataset.tiles ?? "";
    const empty = { type: "geojson" as const, data: { type: "FeatureCollection" as const, features: [] } };
    const canvas = new Canvas({
      container: this.box,
      style: {
        version: 8,
        sources: {
          ...(tiles === "" ? {} : { tiles: { type: "raster" as const, tiles: [tiles], tileSize: 256 } }),
          grid: empty,
          asset: empty,
        },
        layers: [
          { id: "ground", type: "background", paint: { "background-color": colour("surface-sunk") } },
          ...(tiles === "" ? [] : [{ id: "tiles", type: "raster" as const, source: "tiles" }]),
          { id: "grid", type: "line", source: "grid", paint: { "line-color": colour("line"), "line-width": 1 } },
          {
            id: "asset",
            type: "circle",
            source: "asset",
            paint: {
              "circle-radius": 6,
              "circle-opacity": 0,
              "circle-stroke-color": colour("ink-soft"),
              "circle-stroke-width": 2,
            },
          },
        ],
      },
      center: [105, 35],
      zoom: 3,
      maxZoom: 20,
      attributionControl: tiles === "" ? false : { compact: true },
      dragRotate: false,
      fadeDuration: 0,
      locale: {
        "NavigationControl.ZoomIn": page.t("map.zoom_in"),
        "NavigationControl.ZoomOut": page.t("map.zoom_out"),
        "Map.Title": page.t("map.title"),
      },
    });
    canvas.touchZoomRotate.disableRotation();
    canvas.addControl(new NavigationControl({ showCompass: false }), "top-right");
    canvas.addControl(new ScaleControl({ maxWidth: 96 }), "bottom-left");
    canvas.on("click", (event) => {
      canvas.easeTo({ center: event.lngLat, duration: 0 });
      this.chosen(event.lngLat.lng, event.lngLat.lat);
    });
    this.box.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      const { lng, lat } = canvas.getCenter();
      this.chosen(lng, lat);
    });
    canvas.on("load", () => this.draw());
    canvas.on("moveend", () => this.draw());
    return canvas;
  }

  private draw(): void {
    const bounds = this.canvas.getBounds();
    const box = { west: bounds.getWest(), south: bounds.getSouth(), east: bounds.getEast(), north: bounds.getNorth() };
    const lines = { type: "Feature", properties: {}, geometry: { type: "MultiLineString", coordinates: graticule(box) } };
    this.fill("grid", lines);
    if (this.canvas.getZoom() < 14) return;
    const bbox = [box.west, box.south, box.east, box.north].join(",");
    void fetchJson<OnFile>(`${this.address}?${new URLSearchParams({ bbox })}`)
      .then((found) => this.fill("asset", found))
      .catch(() => undefined); // the place can be chosen without them
  }

  private fill(name: string, data: unknown): void {
    this.canvas.getSource<GeoJSONSource>(name)?.setData(data as Parameters<GeoJSONSource["setData"]>[0]);
  }
}
