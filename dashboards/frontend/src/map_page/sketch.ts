// Drawing on the map: lines and surfaces to measure, a box or a loop to choose what lies in it. With the pointer, and with
// keys: the cross in the middle is the pen, Enter sets a point, Backspace takes the last one back.
import type { Map as Canvas, MapMouseEvent, MapTouchEvent } from "maplibre-gl";
import type { CityMapView } from "../citymap";
import { simplified } from "../citymap/measuring";
import { offMap, ontoMap } from "../citymap/shift";
import type { Position } from "../geometry";

export type Tool = "length" | "surface" | "box" | "lasso";

export interface SketchNews {
  /** points so far, WGS-84; `moving`: the last is where the pointer is, and no point yet */
  readonly onChange: (tool: Tool, points: readonly Position[], moving: boolean) => void;
  /** a loop or a box was closed: a ring, WGS-84, without the first point again */
  readonly onRing: (tool: Tool, ring: readonly Position[]) => void;
}

/** A hand's loop keeps its shape to this many pixels. */
const LOOP_PX = 3;
const MOST_POINTS = 200;

export function ringOfBox(one: Position, other: Position): Position[] {
  return [one, [other[0], one[1]], other, [one[0], other[1]]];
}

/** A place in the window as one in `box`, or on its edge. */
export function within(box: Pick<DOMRect, "left" | "top" | "width" | "height">, x: number, y: number): [number, number] {
  return [Math.min(Math.max(x - box.left, 0), box.width), Math.min(Math.max(y - box.top, 0), box.height)];
}

export class Sketch {
  private tool: Tool | undefined;
  private points: Position[] = [];
  private dragging = false;
  private over: Position | undefined;

  constructor(
    private readonly map: CityMapView,
    private readonly box: HTMLElement,
    private readonly news: SketchNews,
  ) {}

  /** Listens once the map is there. */
  start(canvas: Canvas): void {
    canvas.on("click", (event) => {
      if (this.measuring) this.add(asPosition(event));
    });
    canvas.on("mousemove", (event) => {
      if (!this.measuring || this.points.length === 0) return;
      this.over = asPosition(event);
      this.draw();
      if (this.tool !== undefined) this.news.onChange(this.tool, this.wgs([...this.points, this.over]), true);
    });
    canvas.on("mousedown", (event) => {
      if (event.originalEvent.button === 0 && this.begin(event)) this.followMouse(canvas);
    });
    canvas.on("touchstart", (event) => this.begin(event));
    canvas.on("touchmove", (event) => {
      if (!this.dragging) return;
      event.preventDefault();
      this.drag(asPosition(event));
    });
    for (const name of ["touchend", "touchcancel"] as const) canvas.on(name, () => this.drop(canvas));
    canvas.getCanvas().addEventListener("keydown", (event) => this.key(event, canvas), { capture: true });
  }

  get using(): Tool | undefined {
    return this.tool;
  }

  /** Takes a tool in hand; what was drawn before goes. */
  use(tool: Tool | undefined): void {
    this.tool = tool;
    this.points = [];
    this.over = undefined;
    this.dragging = false;
    this.box.toggleAttribute("data-drawing", tool !== undefined);
    const zooming = this.map.canvas?.doubleClickZoom;
    if (tool === undefined) zooming?.enable();
    else zooming?.disable();
    this.draw();
  }

  /** Closes the shape with the points there are. */
  finish(): void {
    this.over = undefined;
    if (this.choosing && this.points.length > 2 && this.tool !== undefined) this.news.onRing(this.tool, this.wgs());
    this.draw();
  }

  /** Draws the outline that counted (WGS-84, closed), where a hand had crossed its own line. */
  show(outline: readonly Position[]): void {
    if (!this.choosing || this.dragging) return;
    this.points = outline.slice(0, -1).map((at) => ontoMap(at, this.map.crs));
    this.draw();
  }

  /** Takes the last point back. */
  undo(): void {
    this.points.pop();
    this.over = undefined;
    this.changed();
  }

  private get measuring(): boolean {
    return this.tool === "length" || this.tool === "surface";
  }

  private get choosing(): boolean {
    return this.tool === "box" || this.tool === "lasso";
  }

  private add(at: Position): void {
    if (this.points.length >= MOST_POINTS) return;
    this.points.push(at);
    this.changed();
  }

  private begin(event: MapMouseEvent | MapTouchEvent): boolean {
    if (!this.choosing) return false;
    event.preventDefault(); // the map stays where it is
    this.dragging = true;
    this.points = [asPosition(event)];
    return true;
  }

  /** The map hears of the mouse only above itself; a hand that draws goes over the panel, and lets go there. */
  private followMouse(canvas: Canvas): void {
    const following = new AbortController();
    const options = { signal: following.signal };
    const end = (): void => {
      following.abort();
      this.drop(canvas);
    };
    addEventListener("mousemove", (event) => {
      if ((event.buttons & 1) === 0) return end(); // let go where nobody heard of it
      const box = canvas.getCanvas().getBoundingClientRect();
      const { lng, lat } = canvas.unproject(within(box, event.clientX, event.clientY));
      this.drag([lng, lat]);
    }, options);
    addEventListener("mouseup", end, options);
    addEventListener("blur", end, options);
  }

  private drag(at: Position): void {
    const first = this.points[0];
    if (first === undefined || !this.dragging) return;
    if (this.tool === "box") this.points = ringOfBox(first, at);
    else this.points.push(at);
    this.draw();
  }

  private drop(canvas: Canvas): void {
    if (!this.dragging) return;
    this.dragging = false;
    const perPixel = Math.abs(canvas.unproject([1, 0]).lng - canvas.unproject([0, 0]).lng);
    if (this.tool === "lasso") {
      let loop = simplified(this.points, perPixel * LOOP_PX);
      for (let wider = 2; loop.length > MOST_POINTS; wider *= 2) loop = simplified(this.points, perPixel * LOOP_PX * wider);
      this.points = loop;
    }
    this.draw();
    if (this.points.length > 2) this.finish();
  }

  private key(event: KeyboardEvent, canvas: Canvas): void {
    if (this.tool === undefined) return;
    if (event.key === "Enter") {
      const center = canvas.getCenter();
      this.setByKey([center.lng, center.lat]);
    } else if (event.key === "Backspace") this.undo();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** By keys a box is two corners and the next one another box, a loop any number of points that „done“ closes. */
  private setByKey(at: Position): void {
    if (this.tool === "box" && this.points.length > 1) this.points = [];
    const first = this.points[0];
    if (this.tool !== "box" || first === undefined) {
      this.add(at);
      return;
    }
    this.points = ringOfBox(first, at);
    this.finish();
  }

  private changed(): void {
    this.draw();
    if (this.tool !== undefined) this.news.onChange(this.tool, this.wgs(), false);
  }

  private wgs(points: readonly Position[] = this.points): Position[] {
    return points.map((at) => offMap(at, this.map.crs));
  }

  private draw(): void {
    const line = this.over === undefined ? this.points : [...this.points, this.over];
    const surface = this.tool !== "length" && line.length > 2;
    const shape = surface
      ? { type: "Polygon", coordinates: [[...line, line[0]]] }
      : { type: "LineString", coordinates: line };
    const features: unknown[] = line.length > 1 ? [{ type: "Feature", properties: {}, geometry: shape }] : [];
    const pointed = this.measuring || (this.tool !== undefined && !this.dragging && this.points.length < 3);
    if (pointed) {
      for (const at of this.points) features.push({ type: "Feature", properties: {}, geometry: { type: "Point", coordinates: at } });
    }
    this.map.fill("sketch", features);
  }
}

function asPosition(event: Pick<MapMouseEvent, "lngLat">): Position {
  return [event.lngLat.lng, event.lngLat.lat];
}
