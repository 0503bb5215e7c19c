// The city's map as a panel; the map itself comes late, so that a board without one never loads it.
import type { CityMapView } from "../citymap";
import { element } from "../elements";
import type { LiveEvent } from "../live";
import type { Answer, Panel } from "./shapes";
import type { Desk, Rows, View } from "./view";

/** Where the page says that the map's tiles and facts are. */
export interface MapAddresses {
  readonly tiles: string;
  readonly facts: string;
}

export class MapView implements View {
  private map: CityMapView | undefined;
  private opening: Promise<void> | undefined;
  private readonly ground = element("div", { class: "board-map" });

  constructor(
    box: HTMLElement,
    private readonly desk: Desk,
    private readonly addresses: MapAddresses,
  ) {
    box.append(this.ground);
  }

  readonly isEmpty = false;

  show(_answer: Answer, _panel: Panel): void {
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
    const { openCityMap } = await import("../citymap");
    if (!this.ground.isConnected) return;
    this.map = openCityMap(this.ground, this.desk.page, {
      interactive: true,
      embedded: true,
      tilesAddress: this.addresses.tiles,
      factsAddress: this.addresses.facts,
      onPick: (asset) => {
        if (asset !== undefined) location.href = `/assets/${asset.id}`;
      },
    });
  }
}
