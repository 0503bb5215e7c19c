// What of the map did not come: said on it, asked for again, and taken back once it came.
import type { GeoJSONSource, Map as Canvas } from "maplibre-gl";
import { element } from "../elements";
import { say } from "../page";
import type { Translate } from "../words";

/** What is missing is asked for again this often, as long as somebody may be looking. */
const AGAIN_EVERY_MS = 20_000;
/** A host that says nothing for so long is taken for one that can't be reached. */
const GROUND_WAIT_MS = 8_000;
/** So many tiles of the base map in a row that did not come: so it is too, whatever came before. */
const GROUND_FAILS = 3;
/** Sources of a base map: vector tiles, or pictures that lie on one another. */
const GROUNDS = ["base", "base-0", "base-1"];

function isGround(source: string): boolean {
  return GROUNDS.includes(source);
}

/** What did not come, by source and tile. Pure. */
export class Lacking {
  private readonly tiles = new Map<string, Set<string>>();
  private groundFails = 0;
  private groundCame = false;
  /** the base map can't be reached */
  groundAway = false;

  /** Sources of which something is missing. */
  get sources(): string[] {
    return [...this.tiles.keys()];
  }

  failed(source: string, tile: string): void {
    const known = this.tiles.get(source) ?? new Set();
    this.tiles.set(source, known.add(tile));
    if (!isGround(source)) return;
    this.groundFails += 1;
    if (this.groundFails >= GROUND_FAILS) this.groundAway = true;
  }

  came(source: string, tile: string): void {
    const known = this.tiles.get(source);
    known?.delete(tile);
    if (known?.size === 0) this.tiles.delete(source);
    if (!isGround(source)) return;
    this.groundFails = 0;
    this.groundCame = true;
    this.groundAway = false;
  }

  /** Time is up for the base map's first tile. */
  waited(): void {
    if (!this.groundCame) this.groundAway = true;
  }

  /** All of it is asked for again. */
  clear(): void {
    this.tiles.clear();
  }
}

/** The events of a map that tell of one tile, as far as they are needed here. */
interface OfTile {
  readonly sourceId?: string;
  readonly tile?: { readonly tileID?: { readonly key: string }; actor?: unknown };
}

export class Missing {
  private readonly lacking = new Lacking();
  private readonly note = element("div", { class: "map-missing", role: "status", hidden: "" });
  private readonly said = element("span");
  private timers: ReturnType<typeof setTimeout>[] = [];
  private groundAway = false;
  /** what was missing has been asked for again, and not all of it has been answered */
  private asking = false;

  constructor(
    private readonly canvas: Canvas,
    private readonly t: Translate,
    /** the base map went away, or came back */
    private readonly onGround: (away: boolean) => void,
  ) {}

  /** Listens; says what is missing in `box`, with a button where somebody can press it. */
  start(box: HTMLElement, withButton: boolean): void {
    this.note.append(this.said);
    if (withButton) {
      const button = element("button", { class: "button", type: "button" }, this.t("map.try_again"));
      button.addEventListener("click", () => this.tryAgain());
      this.note.append(button);
    }
    box.append(this.note);
    this.canvas.on("error", (event) => this.failed(event as OfTile));
    this.canvas.on("sourcedata", (event) => this.came(event as OfTile));
    this.canvas.on("idle", () => {
      this.asking = false;
      this.tell();
    });
    this.timers = [
      setTimeout(() => {
        // farther away than its first zoom it isn't even asked for
        if (GROUNDS.some((id) => (this.canvas.getSource(id)?.minzoom ?? Number.POSITIVE_INFINITY) <= this.canvas.getZoom())) this.lacking.waited();
        this.tell();
      }, GROUND_WAIT_MS),
      setInterval(() => {
        if (!document.hidden && this.lacking.sources.length > 0) this.tryAgain();
      }, AGAIN_EVERY_MS),
    ];
  }

  stop(): void {
    for (const timer of this.timers) clearTimeout(timer);
  }

  /** Whether something of a source is missing. */
  of(source: string): boolean {
    return this.lacking.sources.includes(source);
  }

  private failed({ sourceId, tile }: OfTile): void {
    if (sourceId === undefined) return;
    // MapLibre asks for a failed vector tile again only when no worker has it: else it waits for an answer to nothing
    if (tile !== undefined) delete tile.actor;
    this.lacking.failed(sourceId, tile?.tileID?.key ?? "");
    this.tell();
  }

  private came({ sourceId, tile }: OfTile): void {
    if (sourceId === undefined || tile === undefined) return;
    this.lacking.came(sourceId, tile.tileID?.key ?? "");
    this.tell();
  }

  private tryAgain(): void {
    const sources = new Set([...this.lacking.sources, ...(this.lacking.groundAway ? GROUNDS : [])]);
    this.lacking.clear();
    this.asking = true;
    for (const id of sources) {
      const source = this.canvas.getSource(id);
      if (source?.type === "geojson") (source as GeoJSONSource).setData((source as GeoJSONSource).serialize().data);
      else if (source !== undefined) this.canvas.refreshTiles(id);
    }
  }

  private tell(): void {
    const { groundAway } = this.lacking;
    const has = (source: string): boolean => this.canvas.getSource(source) !== undefined;
    const sources = this.lacking.sources.filter(has);
    const ground = groundAway && GROUNDS.some(has);
    if (this.groundAway !== groundAway) {
      this.groundAway = groundAway;
      this.onGround(groundAway);
    }
    if (this.asking && sources.length === 0) return; // until all is answered, what was said stays
    const others = sources.some((source) => !isGround(source));
    const text = ground && !others ? this.t("map.base_missing") : sources.length > 0 ? this.t("map.tiles_missing") : "";
    this.note.hidden = text === "";
    say(this.said, text);
  }
}
