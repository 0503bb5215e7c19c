// The place on the map in the page's address, so that a link shows what its sender saw. Pure; degrees are WGS-84.
import type { Position } from "../geometry";

/** What a link can say: where, how near, and which layers are on. */
export interface Shown {
  readonly center: Position;
  readonly zoom: number;
  /** whether the base map is shown; undefined: it is */
  readonly base?: boolean;
  /** families of things that are shown; undefined: all */
  readonly families?: readonly string[];
  /** only what is wrong at least so severely; 0 everything */
  readonly severity?: number;
  /** level of the areas that are outlined; "" none */
  readonly areas?: string;
  /** days of cases in the heat; 0 none */
  readonly heat?: number;
  /** kind of these cases; "" all */
  readonly heatKind?: string;
  /** whether vehicles, recorders and handsets are shown */
  readonly mobile?: boolean;
  /** keys of catalogue layers */
  readonly layers?: readonly string[];
}

/** An asset that another page points at, `#asset=12,113.3,23.1`. */
export interface Pointed {
  readonly id: number;
  readonly at: Position;
}

const PLACE = /^(\d+(?:\.\d+)?)\/(-?\d+(?:\.\d+)?)\/(-?\d+(?:\.\d+)?)$/;
const WORD = /^[\w-]+$/;

/** The gravest that something can be wrong. */
const GRAVEST = 3;

/** The part of an address after `#`; places as `zoom/latitude/longitude`, as other maps write it. */
export function writeShown(shown: Shown): string {
  const [lon, lat] = shown.center;
  const parts = [`map=${shown.zoom.toFixed(2)}/${lat.toFixed(6)}/${lon.toFixed(6)}`];
  if (shown.base === false) parts.push("base=0");
  if (shown.families !== undefined) parts.push(`families=${shown.families.join(",") || "none"}`);
  if (shown.severity) parts.push(`severity=${shown.severity}`);
  if (shown.areas !== undefined) parts.push(`areas=${shown.areas || "none"}`);
  if (shown.heat) parts.push(`heat=${shown.heat}`);
  if (shown.heat && shown.heatKind) parts.push(`kind=${shown.heatKind}`);
  if (shown.mobile) parts.push("mobile=1");
  if (shown.layers?.length) parts.push(`layers=${shown.layers.join(",")}`);
  return `#${parts.join("&")}`;
}

/** What `hash` says; undefined when it says no place that exists. */
export function readShown(hash: string): Shown | undefined {
  const said = new Map<string, string>();
  for (const part of hash.replace(/^#/, "").split("&")) {
    const [name = "", value = ""] = part.split("=", 2);
    said.set(name, value);
  }
  const found = PLACE.exec(said.get("map") ?? "");
  if (found === null) return undefined;
  const [zoom, lat, lon] = [Number(found[1]), Number(found[2]), Number(found[3])];
  if (zoom > 22 || Math.abs(lat) > 85 || Math.abs(lon) > 180) return undefined;
  const areas = said.get("areas");
  const families = said.get("families");
  const severity = Number(said.get("severity") ?? 0);
  const heat = Number(said.get("heat") ?? 0);
  return {
    center: [lon, lat],
    zoom,
    ...(said.get("base") === "0" ? { base: false } : {}),
    ...(families === undefined ? {} : { families: families.split(",").filter((key) => WORD.test(key) && key !== "none") }),
    ...(Number.isInteger(severity) && severity > 0 && severity <= GRAVEST ? { severity } : {}),
    ...(areas !== undefined && WORD.test(areas) ? { areas: areas === "none" ? "" : areas } : {}),
    ...(heat > 0 && heat <= 3660 ? { heat: Math.floor(heat) } : {}),
    ...(WORD.test(said.get("kind") ?? "") ? { heatKind: said.get("kind") ?? "" } : {}),
    ...(said.get("mobile") === "1" ? { mobile: true } : {}),
    layers: (said.get("layers") ?? "").split(",").filter((key) => WORD.test(key)),
  };
}

export function readPointed(hash: string): Pointed | undefined {
  const found = /^#asset=(\d+),(-?[\d.]+),(-?[\d.]+)$/.exec(hash);
  if (found === null) return undefined;
  const at: Position = [Number(found[2]), Number(found[3])];
  return at.every(Number.isFinite) ? { id: Number(found[1]), at } : undefined;
}
