// The shift that public maps in China apply (GCJ-02). Tiles, searches and selections are shifted by the server; here it is
// needed for what only the browser knows: its own position, and the place in the page's address, which is WGS-84 always.
// The same published formula as `registry/domain/geo.py`; the test holds both to the same places.
import type { Position } from "../geometry";

export type Crs = "wgs84" | "gcj02";

const AXIS_M = 6_378_245;
const ECCENTRICITY = 0.006_693_421_622_965_943_23;
const ENOUGH_DEG = 1e-10;
const STEPS = 12;

function inChina([lon, lat]: Position): boolean {
  return lon >= 72.004 && lon <= 137.8347 && lat >= 0.8293 && lat <= 55.8271;
}

function toGcj(place: Position): Position {
  if (!inChina(place)) return place;
  const { PI, abs, cos, sin, sqrt } = Math;
  const [lon, lat] = place;
  const x = lon - 105;
  const y = lat - 35;
  const ripple = ((20 * sin(6 * x * PI) + 20 * sin(2 * x * PI)) * 2) / 3;
  let north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * sqrt(abs(x)) + ripple;
  north += ((20 * sin(y * PI) + 40 * sin((y / 3) * PI)) * 2) / 3;
  north += ((160 * sin((y / 12) * PI) + 320 * sin((y * PI) / 30)) * 2) / 3;
  let east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * sqrt(abs(x)) + ripple;
  east += ((20 * sin(x * PI) + 40 * sin((x / 3) * PI)) * 2) / 3;
  east += ((150 * sin((x / 12) * PI) + 300 * sin((x / 30) * PI)) * 2) / 3;
  const latitude = (lat * PI) / 180;
  const magic = 1 - ECCENTRICITY * sin(latitude) ** 2;
  const meridianM = (AXIS_M * (1 - ECCENTRICITY)) / (magic * sqrt(magic));
  const parallelM = (AXIS_M / sqrt(magic)) * cos(latitude);
  return [lon + ((east / parallelM) * 180) / PI, lat + ((north / meridianM) * 180) / PI];
}

function fromGcj(place: Position): Position {
  if (!inChina(place)) return place;
  let guess = place;
  for (let step = 0; step < STEPS; step += 1) {
    const there = toGcj(guess);
    const off: Position = [place[0] - there[0], place[1] - there[1]];
    guess = [guess[0] + off[0], guess[1] + off[1]];
    if (Math.abs(off[0]) < ENOUGH_DEG && Math.abs(off[1]) < ENOUGH_DEG) break;
  }
  return guess;
}

/** Where a WGS-84 place lies on a map in `crs`. */
export function ontoMap(place: Position, crs: Crs): Position {
  return crs === "gcj02" ? toGcj(place) : place;
}

/** The WGS-84 place of a point of a map in `crs`. */
export function offMap(place: Position, crs: Crs): Position {
  return crs === "gcj02" ? fromGcj(place) : place;
}

/** GeoJSON out of one system in another, as a copy; what else it holds stays as it is. */
export function shapesIn(shapes: unknown, from: Crs, to: Crs): unknown {
  return from === to ? shapes : shifted(shapes, (at) => ontoMap(offMap(at, from), to));
}

function shifted(part: unknown, move: (at: Position) => Position): unknown {
  if (typeof part !== "object" || part === null) return part;
  const { features, geometry, geometries, coordinates } = part as Record<string, unknown>;
  const each = (parts: unknown): unknown => (Array.isArray(parts) ? parts.map((one) => shifted(one, move)) : parts);
  return {
    ...part,
    ...(features === undefined ? {} : { features: each(features) }),
    ...(geometry === undefined ? {} : { geometry: shifted(geometry, move) }),
    ...(geometries === undefined ? {} : { geometries: each(geometries) }),
    ...(coordinates === undefined ? {} : { coordinates: moved(coordinates, move) }),
  };
}

function moved(coordinates: unknown, move: (at: Position) => Position): unknown {
  if (!Array.isArray(coordinates)) return coordinates;
  const [lon, lat, ...more] = coordinates as unknown[];
  if (typeof lon === "number" && typeof lat === "number") return [...move([lon, lat]), ...more];
  return coordinates.map((each) => moved(each, move));
}
