// The city's map as a panel; the map itself comes late, so that a board without one never loads it.
import type { CityMapView } from "../citymap";
import { addressesOf, ALL_FAMILIES, asking, BY_ZOOM, leadsOf } from "../citymap/facts";
import { cityNow } from "../clock";
import { element } from "../elements";
import type { LiveEvent } from "../live";
import { palette } from "./palette";
import { type Answer, type Panel, TONES } from "./shapes";
import type { Desk, Rows, View } from "./view";

const LEGEND_PX = 24;

export class MapView implements View {
  private map: CityMapView | undefined;
  private families: readonly string[] = [];
  /** the area that the map in `ground` is cut to; undefined before the first */
  private area: string | undefined;
  private opening: Promise<void> = Promise.resolve();
  private ground = element("div", { class: "board-map citymap" });
  /** the map as it was when somebody printed: what WebGL has drawn is not there for paper */
  private readonly paper = element("canvas", { class: "board-map-paper", "aria-hidden": "true" });

  constructor(
    box: HTMLElement,
    private readonly desk: Desk,
    /** the element on which the template wrote where maps ask */
    private readonly at: HTMLElement,
  ) {
    box.append(this.ground, this.paper);
  }

  readonly isEmpty = false;

  show(answer: Answer, _panel: Panel): void {
    this.families = answer.map?.families ?? [];
    const area = answer.map?.area ?? "";
    if (area !== this.area) this.opening = this.open(area);
    else this.map?.refresh();
    this.narrow();
  }

  follow(event: LiveEvent): void {
    this.map?.follow(event);
  }

  summary(): string {
    return this.desk.page.t("board.kind.map");
  }

  rows(): Rows {
    return { columns: [], rows: [] };
  }

  paint(pen: CanvasRenderingContext2D, width: number, height: number): void {
    this.paintMap(pen, width, height - LEGEND_PX);
    const { ink, inkSoft, tones, font } = palette();
    const { t, moment } = this.desk.page;
    const y = height - LEGEND_PX / 2;
    pen.font = `12px ${font}`;
    pen.textBaseline = "middle";
    pen.textAlign = "left";
    let x = 8;
    TONES.slice(1).forEach((tone, at) => {
      pen.fillStyle = tones[tone];
      paintSeverity(pen, at + 1, x, y);
      pen.fillStyle = ink;
      const words = t(`severity.${at + 1}`);
      pen.fillText(words, x + 11, y);
      x += pen.measureText(words).width + 30;
    });
    pen.fillStyle = inkSoft;
    pen.textAlign = "right";
    // a map shows now, whatever the span; and whoever made the ground is named wherever it is shown
    const owner = this.ground.querySelector(".map-attribution")?.textContent ?? "";
    pen.fillText([t("board.as_of", { clock: moment(cityNow()) }), owner].filter((each) => each !== "").join(" · "), width - 4, y, Math.max(width - x - 8, 40));
    pen.textAlign = "left";
  }

  async still(): Promise<void> {
    await this.opening;
    await this.map?.ready;
    await this.map?.still();
  }

  forPaper(): void {
    const { clientWidth, clientHeight } = this.ground;
    const pen = this.paper.getContext("2d");
    if (pen === null || clientWidth === 0) return;
    this.paper.width = clientWidth * 2;
    this.paper.height = clientHeight * 2;
    this.paintMap(pen, this.paper.width, this.paper.height);
  }

  close(): void {
    this.map?.close();
    this.map = undefined;
    this.area = undefined;
    this.ground.remove();
    this.paper.remove();
  }

  private paintMap(pen: CanvasRenderingContext2D, width: number, height: number): void {
    const canvas = this.map?.canvas;
    if (canvas === undefined) return;
    // what WebGL draws can be read until this task has ended, and no longer
    canvas.redraw();
    const drawn = canvas.getCanvas();
    const scale = Math.max(width / drawn.width, height / drawn.height);
    const [wide, tall] = [width / scale, height / scale];
    pen.drawImage(drawn, (drawn.width - wide) / 2, (drawn.height - tall) / 2, wide, tall, 0, 0, width, height);
  }

  /** A map of one area, or of all that the visitor may see, in the place of the one before. */
  private async open(area: string): Promise<void> {
    this.area = area;
    const drawn = await import("../citymap").catch(() => undefined);
    if (drawn === undefined) {
      if (this.area === area) this.area = undefined; // the next answer tries again
      return;
    }
    const { addZoom, CardPopup, openCityMap } = drawn;
    // closed meanwhile, or another area was chosen
    if (this.area !== area) return;
    this.map?.close();
    const ground = element("div", { class: "board-map citymap" });
    this.ground.replaceWith(ground);
    this.ground = ground;
    const { page } = this.desk;
    const addresses = Object.fromEntries(
      Object.entries(addressesOf(this.at)).map(([name, address]) => [name, area === "" ? address : asking(address, "area", area)]),
    ) as ReturnType<typeof addressesOf>;
    const map = openCityMap(ground, page, { ...addresses, interactive: true, embedded: true, areas: BY_ZOOM, onPick: (asset) => card.show(asset) });
    const card = new CardPopup(ground, map, page, leadsOf(this.at));
    addZoom(ground, page, map, this.at.dataset.whole);
    this.map = map;
    this.narrow();
  }

  /** Only the families that the board is narrowed to; all of them when that was taken back. */
  private narrow(): void {
    const families = this.families.length > 0 ? this.families : ALL_FAMILIES;
    if (this.map !== undefined && families.join() !== this.map.choice.families.join()) this.map.choose({ families });
  }
}

/** Circle, triangle, diamond: the shapes that severities have everywhere, around a place. */
function paintSeverity(pen: CanvasRenderingContext2D, severity: number, x: number, y: number): void {
  const size = 6;
  pen.beginPath();
  if (severity === 3) for (const [dx, dy] of [[0, -size], [size, 0], [0, size], [-size, 0]] as const) pen.lineTo(x + dx, y + dy);
  else if (severity === 2) for (const [dx, dy] of [[0, -size], [size, size * 0.8], [-size, size * 0.8]] as const) pen.lineTo(x + dx, y + dy);
  else pen.arc(x, y, size * 0.85, 0, 2 * Math.PI);
  pen.fill();
}
