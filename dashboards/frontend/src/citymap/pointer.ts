// What lies under the pointer, or under the cross of those who work with keys: what is wrong before what moves before what
// merely stands there.
import type { Map as Canvas, MapGeoJSONFeature, MapMouseEvent } from "maplibre-gl";
import type { Position } from "../geometry";
import { MOBILE } from "./mobile";
import { assetOf, keyOf, type ShownAsset } from "./things";
import { HITS } from "./things_style";

const REACH_PX = 9;
const CENTRE_REACH_PX = 28;

export interface PointerNews {
  /** somebody draws: what lies under the pointer is not meant */
  readonly busy?: () => boolean;
  /** the asset below the pointer, or none any more */
  readonly onAsset?: (asset: ShownAsset | undefined) => void;
  /** an asset was chosen by pointer or key; undefined: something else was, or the ground */
  readonly onPick?: (asset: ShownAsset | undefined) => void;
  /** a vehicle, recorder or handset was chosen */
  readonly onMobile?: (id: number) => void;
}

export class Pointer {
  private stopped = false;

  constructor(
    private readonly canvas: Canvas,
    private readonly news: PointerNews,
  ) {}

  start(): void {
    const { canvas } = this;
    let asked: MapMouseEvent | undefined;
    let last: number | undefined;
    const hover = ({ point: { x, y } }: MapMouseEvent): void => {
      const found = this.busy ? undefined : this.assetAt(x, y, REACH_PX);
      const other = found === undefined && (this.clusterAt(x, y) !== undefined || this.mobileAt(x, y, REACH_PX) !== undefined);
      canvas.getCanvas().style.cursor = found !== undefined || other ? "pointer" : "";
      const key = found === undefined ? undefined : keyOf(found);
      if (key === last) return;
      last = key;
      this.news.onAsset?.(found);
    };
    canvas.on("mousemove", (event) => {
      if (asked === undefined && !canvas.isMoving()) {
        requestAnimationFrame(() => {
          if (asked !== undefined && !this.stopped) hover(asked);
          asked = undefined;
        });
      }
      asked = canvas.isMoving() ? undefined : event;
    });
    canvas.on("mouseout", () => {
      last = undefined;
      this.news.onAsset?.(undefined);
    });
    canvas.on("click", (event) => this.pick(event.point.x, event.point.y, REACH_PX));
    canvas.getCanvas().addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.defaultPrevented) return;
      const { clientWidth, clientHeight } = canvas.getCanvas();
      this.pick(clientWidth / 2, clientHeight / 2, CENTRE_REACH_PX);
    });
  }

  /** The canvas is about to go. */
  stop(): void {
    this.stopped = true;
  }

  private get busy(): boolean {
    return this.news.busy?.() === true;
  }

  private pick(x: number, y: number, reach: number): void {
    if (this.busy) return;
    const found = this.assetAt(x, y, reach);
    const mobile = (found?.severity ?? 0) > 0 ? undefined : this.mobileAt(x, y, reach);
    if (mobile !== undefined) {
      this.news.onPick?.(undefined);
      this.news.onMobile?.(mobile);
      return;
    }
    const center = found === undefined ? this.clusterAt(x, y) : undefined;
    if (center !== undefined) this.canvas.easeTo({ center, zoom: this.canvas.getZoom() + 2 });
    this.news.onPick?.(found);
  }

  /** What stands there, what is wrong first. */
  private assetAt(x: number, y: number, reach: number): ShownAsset | undefined {
    const found = this.drawn(x, y, reach, HITS);
    const graver = (one: MapGeoJSONFeature, other: MapGeoJSONFeature): number =>
      Number(other.properties.s ?? 0) - Number(one.properties.s ?? 0) || this.away(one, x, y) - this.away(other, x, y);
    return found.sort(graver).map(assetOf).find((each) => each !== undefined);
  }

  private mobileAt(x: number, y: number, reach: number): number | undefined {
    const found = this.drawn(x, y, reach, [MOBILE]).sort((one, other) => this.away(one, x, y) - this.away(other, x, y));
    const id = Number(found[0]?.properties.id ?? 0);
    return id > 0 ? id : undefined;
  }

  private clusterAt(x: number, y: number): Position | undefined {
    const found = this.drawn(x, y, 0, ["clusters"])[0];
    return found?.geometry.type === "Point" ? (found.geometry.coordinates as Position) : undefined;
  }

  private drawn(x: number, y: number, reach: number, names: readonly string[]): MapGeoJSONFeature[] {
    const layers = names.filter((name) => this.canvas.getLayer(name) !== undefined);
    if (layers.length === 0) return [];
    return [...this.canvas.queryRenderedFeatures([[x - reach, y - reach], [x + reach, y + reach]], { layers })];
  }

  private away(feature: MapGeoJSONFeature, x: number, y: number): number {
    if (feature.geometry.type !== "Point") return Number.POSITIVE_INFINITY;
    const at = this.canvas.project(feature.geometry.coordinates as Position);
    return Math.hypot(at.x - x, at.y - y);
  }
}
