// The city's assets on a map that needs nothing from outside: a plain ground, a grid, and the assets themselves.
// What is wrong is never hidden in a cluster: it has a source of its own, on top, with the severity's shape.
import {
  type ExpressionSpecification,
  type GeoJSONSource,
  type LayerSpecification,
  type Map as Canvas,
  type MapGeoJSONFeature,
  type MapMouseEvent,
  Popup,
  type StyleSpecification,
} from "maplibre-gl";
import { fetchJson } from "./answers";
import { openCanvas } from "./canvas";
import { element, shapeOf } from "./elements";
import { type Frame, frameOf, graticule, type Position, streets } from "./geometry";
import { type Page, say } from "./page";
import { colour, THEME_CHANGED } from "./theme";

interface AssetProperties {
  readonly id: number;
  readonly f: string;
  readonly s: number;
  readonly n: string;
  readonly c: number | null;
  readonly r?: string;
}

interface AssetFeature {
  readonly type: "Feature";
  readonly geometry: { readonly type: "Point"; readonly coordinates: Position };
  readonly properties: AssetProperties;
}

interface Collection {
  readonly type: "FeatureCollection";
  readonly features: readonly AssetFeature[];
}

const EMPTY: Collection = { type: "FeatureCollection", features: [] };
const CLICKABLE = ["calm-dots", "trouble", "trouble-dots"];
const PIXELS = 2;

const FILLS = ["", "notice-fill", "alarm-fill", "critical-fill"] as const;
const MARKS = ["", "on-notice", "on-alarm", "on-critical"] as const;

/** From this many assets on, calm ones are gathered in clusters while the city is seen as a whole. */
const CLUSTER_FROM = 3_000;

/** Assets where something is wrong, and the others. */
export function partition(features: readonly AssetFeature[]): { trouble: AssetFeature[]; calm: AssetFeature[] } {
  const trouble: AssetFeature[] = [];
  const calm: AssetFeature[] = [];
  for (const feature of features) (feature.properties.s > 0 ? trouble : calm).push(feature);
  return { trouble, calm };
}

export class CityMap {
  private canvas: Canvas | undefined;
  private data: Collection = EMPTY;
  private framed = false;
  private popup: Popup | undefined;
  private waiting: HTMLElement | null;
  private highlight: number | undefined;
  private clustered = false;

  constructor(
    private readonly box: HTMLElement,
    private readonly page: Page,
    private readonly onPoint: (assetId: number | undefined) => void,
  ) {
    this.waiting = box.querySelector(".map-wait");
    try {
      this.canvas = this.open();
    } catch {
      this.tell(page.t("map.failed"));
    }
  }

  /** Fetches the assets again and shows them; the first time it moves to them. */
  async load(): Promise<void> {
    if (this.canvas === undefined) return;
    try {
      this.data = await fetchJson<Collection>(this.box.dataset.source ?? "");
    } catch {
      return; // what is on the map stays; the badge beside the menu tells that the connection is gone
    }
    if (this.data.features.length === 0) this.tell(this.page.t("map.none"));
    else this.quiet();
    const many = this.data.features.length >= CLUSTER_FROM;
    if (many === this.clustered) this.show();
    else {
      this.clustered = many;
      this.canvas.setStyle(this.style(), { diff: false });
    }
    this.frameOnce();
  }

  /** Rings one asset, or none. */
  point(assetId: number | undefined): void {
    this.highlight = assetId;
    if (this.canvas?.getLayer("ring") !== undefined) this.canvas.setFilter("ring", this.ringFilter());
  }

  private open(): Canvas {
    const canvas = openCanvas(this.box, this.page, this.style(), { center: [113.3, 23.1], zoom: 12 });
    canvas.on("style.load", () => {
      this.drawShapes();
      this.show();
    });
    canvas.on("idle", () => {
      this.box.dataset.drawn = String(this.data.features.length);
    });
    canvas.on("moveend", () => this.showGrid());
    canvas.on("click", (event) => this.click(event));
    canvas.on("mousemove", (event) => this.hover(event));
    addEventListener(THEME_CHANGED, () => canvas.setStyle(this.style(), { diff: false }));
    return canvas;
  }

  private show(): void {
    const { trouble, calm } = partition(this.data.features);
    this.fill("calm", { type: "FeatureCollection", features: calm });
    this.fill("trouble", { type: "FeatureCollection", features: trouble });
    const roads = this.data.features.map((each) => ({ road: each.properties.r ?? "", at: each.geometry.coordinates }));
    this.lines("streets", this.box.dataset.tiles ? [] : streets(roads));
    this.showGrid();
  }

  private showGrid(): void {
    if (this.canvas === undefined || this.box.dataset.tiles) return;
    const bounds = this.canvas.getBounds();
    const frame: Frame = {
      west: bounds.getWest(),
      south: bounds.getSouth(),
      east: bounds.getEast(),
      north: bounds.getNorth(),
    };
    this.lines("grid", graticule(frame));
  }

  private lines(name: string, coordinates: Position[][]): void {
    this.fill(name, { type: "Feature", properties: {}, geometry: { type: "MultiLineString", coordinates } });
  }

  private fill(name: string, data: unknown): void {
    const source = this.canvas?.getSource<GeoJSONSource>(name);
    // our own types are read-only; MapLibre's are not
    source?.setData(data as Parameters<GeoJSONSource["setData"]>[0]);
  }

  private frameOnce(): void {
    if (this.framed || this.canvas === undefined) return;
    const wanted = /#asset=(\d+),(-?[\d.]+),(-?[\d.]+)/.exec(location.hash);
    if (wanted !== null) {
      this.canvas.jumpTo({ center: [Number(wanted[2]), Number(wanted[3])], zoom: 17 });
      this.point(Number(wanted[1]));
      this.framed = true;
      return;
    }
    const frame = frameOf(this.data.features.map((each) => each.geometry.coordinates));
    if (frame === undefined) return;
    this.canvas.fitBounds([frame.west, frame.south, frame.east, frame.north], {
      padding: 36,
      maxZoom: 17,
      duration: 0,
    });
    this.framed = true;
  }

  private at(event: MapMouseEvent): MapGeoJSONFeature | undefined {
    const reach = 8;
    const { x, y } = event.point;
    const layers = CLICKABLE.filter((name) => this.canvas?.getLayer(name) !== undefined);
    const found = this.canvas?.queryRenderedFeatures(
      [
        [x - reach, y - reach],
        [x + reach, y + reach],
      ],
      { layers },
    );
    return found?.find((each) => Number(each.properties.s) > 0) ?? found?.[0];
  }

  private hover(event: MapMouseEvent): void {
    if (this.canvas === undefined) return;
    const found = this.at(event);
    const cluster = this.canvas.getLayer("clusters") && this.canvas.queryRenderedFeatures(event.point, { layers: ["clusters"] })[0];
    this.canvas.getCanvas().style.cursor = found !== undefined || cluster ? "pointer" : "";
    this.box.title = found === undefined ? "" : String(found.properties.n);
    this.onPoint(found === undefined ? undefined : Number(found.properties.id));
  }

  private click(event: MapMouseEvent): void {
    if (this.canvas === undefined) return;
    const found = this.at(event);
    if (found !== undefined) {
      this.openPopup(found);
      return;
    }
    const cluster = this.canvas.queryRenderedFeatures(event.point, { layers: ["clusters"] })[0];
    if (cluster?.geometry.type === "Point") {
      const center = cluster.geometry.coordinates as Position;
      this.canvas.easeTo({ center, zoom: this.canvas.getZoom() + 2 });
    }
  }

  private openPopup(feature: MapGeoJSONFeature): void {
    if (this.canvas === undefined || feature.geometry.type !== "Point") return;
    const { t } = this.page;
    const { id, n, s, c } = feature.properties as AssetProperties;
    const title = element("strong", {}, n);
    const body = element("div", { class: "map-pop" }, title);
    if (s > 0) body.append(element("span", { class: `severity severity-${s}` }, shapeOf(s), t(`severity.${s}`)));
    const links = element("span", { class: "inline" });
    if (c) links.append(element("a", { href: this.address("casePage", c) }, t("map.open_case")));
    links.append(element("a", { href: this.address("assetPage", id) }, t("map.open")));
    body.append(links);
    this.popup?.remove();
    this.popup = new Popup({ closeButton: false, offset: 14, maxWidth: "280px" })
      .setLngLat(feature.geometry.coordinates as Position)
      .setDOMContent(body)
      .addTo(this.canvas);
  }

  private address(page: "assetPage" | "casePage", id: number): string {
    return (this.box.dataset[page] ?? "").replace(/0$/, String(id));
  }

  private ringFilter(): ExpressionSpecification {
    return ["==", ["get", "id"], this.highlight ?? -1];
  }

  private tell(text: string): void {
    this.waiting ??= element("p", { class: "map-wait soft small" });
    say(this.waiting, text);
    if (!this.waiting.isConnected) this.box.append(this.waiting);
  }

  private quiet(): void {
    this.waiting?.remove();
  }

  private drawShapes(): void {
    for (const severity of [1, 2, 3]) {
      const name = `shape-${severity}`;
      if (this.canvas?.hasImage(name) === false) this.canvas.addImage(name, drawShape(severity), { pixelRatio: PIXELS });
    }
  }

  private style(): StyleSpecification {
    const tiles = this.box.dataset.tiles ?? "";
    const geojson = { type: "geojson" as const, data: { type: "FeatureCollection" as const, features: [] } };
    return {
      version: 8,
      sources: {
        ...(tiles === "" ? {} : { tiles: { type: "raster" as const, tiles: [tiles], tileSize: 256 } }),
        grid: geojson,
        streets: geojson,
        calm: { ...geojson, cluster: this.clustered, clusterMaxZoom: 12, clusterRadius: 44 },
        trouble: geojson,
      },
      layers: layers(tiles !== "", this.ringFilter()),
    };
  }
}

function layers(withTiles: boolean, ring: ExpressionSpecification): LayerSpecification[] {
  const ink = colour("ink");
  const surface = colour("surface");
  const radius: ExpressionSpecification = ["interpolate", ["linear"], ["zoom"], 10, 1.6, 14, 3.4, 17, 7, 20, 12];
  const isLight: ExpressionSpecification = ["==", ["get", "f"], "light"];
  const single: ExpressionSpecification = ["!", ["has", "point_count"]];
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
      id: "calm-dots",
      type: "circle",
      source: "calm",
      filter: single,
      paint: {
        "circle-radius": radius,
        "circle-color": ["case", isLight, surface, colour("cover")],
        "circle-stroke-width": ["interpolate", ["linear"], ["zoom"], 10, 0.8, 15, 2],
        "circle-stroke-color": ["case", isLight, colour("light"), surface],
      },
    },
    {
      id: "clusters",
      type: "circle",
      source: "calm",
      filter: ["has", "point_count"],
      paint: {
        "circle-radius": ["interpolate", ["linear"], ["get", "point_count"], 2, 12, 100, 20, 5000, 34],
        "circle-color": colour("surface"),
        "circle-stroke-width": 2,
        "circle-stroke-color": colour("cover"),
      },
    },
    {
      id: "cluster-counts",
      type: "symbol",
      source: "calm",
      filter: ["has", "point_count"],
      layout: { "text-field": ["get", "point_count_abbreviated"], "text-font": ["sans-serif"], "text-size": 12 },
      paint: { "text-color": ink },
    },
    {
      id: "ring",
      type: "circle",
      source: "trouble",
      filter: ring,
      paint: {
        "circle-radius": 20,
        "circle-color": "rgba(0,0,0,0)",
        "circle-stroke-width": 3,
        "circle-stroke-color": colour("focus"),
      },
    },
    {
      // Shapes are placed a moment after dots; until then, and whatever happens to a picture, trouble shows its colour.
      id: "trouble-dots",
      type: "circle",
      source: "trouble",
      layout: { "circle-sort-key": ["get", "s"] },
      paint: {
        "circle-radius": 6,
        "circle-color": ["match", ["get", "s"], 3, colour(FILLS[3]), 2, colour(FILLS[2]), colour(FILLS[1])],
      },
    },
    {
      id: "trouble",
      type: "symbol",
      source: "trouble",
      layout: {
        "icon-image": ["concat", "shape-", ["to-string", ["get", "s"]]],
        "icon-allow-overlap": true,
        "icon-ignore-placement": true,
        "symbol-sort-key": ["get", "s"],
        "icon-size": ["interpolate", ["linear"], ["zoom"], 10, 0.75, 15, 1],
      },
    },
  ];
}

/** The severity's shape as a picture: the same diamond, triangle and circle as in the lists, with a rim. */
function drawShape(severity: number): ImageData {
  const size = 32 * PIXELS;
  const canvas = document.createElement("canvas");
  canvas.width = size;
  canvas.height = size;
  const pen = canvas.getContext("2d");
  if (pen === null) throw new Error("no canvas to draw on");
  pen.scale(PIXELS, PIXELS);
  pen.translate(4, 4);
  const body = new Path2D(
    severity === 3
      ? "M12 .8 23.2 12 12 23.2 .8 12z"
      : severity === 2
        ? "M12 1.5 23.5 22H.5z"
        : "M12 2.5a9.5 9.5 0 1 1 0 19 9.5 9.5 0 1 1 0-19z",
  );
  pen.lineJoin = "round";
  pen.lineCap = "round";
  pen.lineWidth = 5;
  pen.strokeStyle = colour("surface");
  pen.stroke(body);
  pen.fillStyle = colour(FILLS[severity] ?? "");
  pen.fill(body);
  pen.lineWidth = 2.6;
  pen.strokeStyle = colour(MARKS[severity] ?? "");
  pen.stroke(
    new Path2D(
      severity === 3
        ? "M12 6.8v6M12 16.8v.1"
        : severity === 2
          ? "M12 9.3v5M12 18.2v.1"
          : "M12 11.3v5.2M12 7.4v.1",
    ),
  );
  return pen.getImageData(0, 0, size, size);
}
