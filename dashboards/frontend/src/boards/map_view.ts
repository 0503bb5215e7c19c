// The city's map as a panel; the map itself comes late, so that a board without one never loads it.
import type { CityMapView } from "../citymap";
import { addressesOf, ALL_FAMILIES, BY_ZOOM, leadsOf } from "../citymap/facts";
import { element } from "../elements";
import type { LiveEvent } from "../live";
import type { Answer, Panel } from "./shapes";
import type { Desk, Rows, View } from "./view";

export class MapView implements View {
  private map: CityMapView | undefined;
  private families: readonly string[] = [];
  private opening: Promise<void> | undefined;
  private readonly ground = element("div", { class: "board-map citymap" });

  constructor(
    box: HTMLElement,
    private readonly desk: Desk,
    /** the element on which the template wrote where maps ask */
    private readonly at: HTMLElement,
  ) {
    box.append(this.ground);
  }

  readonly isEmpty = false;

  show(answer: Answer, _panel: Panel): void {
    this.families = answer.map?.families ?? [];
    this.narrow();
    this.opening ??= this.open();
    this.map?.refresh();
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
    const canvas = this.ground.querySelector("canvas");
    if (canvas !== null) pen.drawImage(canvas, 0, 0, width, height);
  }

  close(): void {
    this.map?.close();
    this.ground.remove();
  }

  private async open(): Promise<void> {
    const { addZoom, CardPopup, openCityMap } = await import("../citymap");
    if (!this.ground.isConnected) return;
    const { page } = this.desk;
    const map = openCityMap(this.ground, page, {
      ...addressesOf(this.at),
      interactive: true,
      embedded: true,
      areas: BY_ZOOM,
      onPick: (asset) => card.show(asset),
    });
    const card = new CardPopup(this.ground, map, page, leadsOf(this.at));
    addZoom(this.ground, page, map, this.at.dataset.whole);
    this.map = map;
    this.narrow();
  }

  /** Only the families that the board is narrowed to; all of them when that was taken back. */
  private narrow(): void {
    const families = this.families.length > 0 ? this.families : ALL_FAMILIES;
    if (this.map !== undefined && families.join() !== this.map.choice.families.join()) this.map.choose({ families });
  }
}
