// Lengths and areas on the ground, from degrees on a sphere: within 0.6 % of the ellipsoid, finer than a hand can point.
import type { Position } from "../geometry";

const RADIUS_M = 6_371_008.8;
const RAD = Math.PI / 180;

/** Metres along the great circle. */
export function distanceM(from: Position, to: Position): number {
  const half = (degrees: number): number => Math.sin((degrees * RAD) / 2) ** 2;
  const squared = half(to[1] - from[1]) + Math.cos(from[1] * RAD) * Math.cos(to[1] * RAD) * half(to[0] - from[0]);
  return 2 * RADIUS_M * Math.asin(Math.min(1, Math.sqrt(squared)));
}

/** Metres along a line. */
export function lengthM(line: readonly Position[]): number {
  return line.slice(1).reduce((sum, at, index) => sum + distanceM(line[index] ?? at, at), 0);
}

/** Square metres inside a ring, whichever way round; the last point joins the first by itself. */
export function areaM2(ring: readonly Position[]): number {
  if (ring.length < 3) return 0;
  let sum = 0;
  ring.forEach((at, index) => {
    const next = ring[(index + 1) % ring.length] ?? at;
    sum += (next[0] - at[0]) * RAD * (2 + Math.sin(at[1] * RAD) + Math.sin(next[1] * RAD));
  });
  return Math.abs((sum * RADIUS_M * RADIUS_M) / 2);
}

/** A measure as people read it: value, decimals and the key of its unit. */
export interface Measured {
  readonly value: number;
  readonly decimals: number;
  readonly unit: "m" | "km" | "m2" | "ha" | "km2";
}

export function readableLength(metres: number): Measured {
  if (metres < 1_000) return { value: metres, decimals: metres < 100 ? 1 : 0, unit: "m" };
  return { value: metres / 1_000, decimals: metres < 100_000 ? 2 : 0, unit: "km" };
}

export function readableArea(squareMetres: number): Measured {
  if (squareMetres < 10_000) return { value: squareMetres, decimals: 0, unit: "m2" };
  if (squareMetres < 1_000_000) return { value: squareMetres / 10_000, decimals: 2, unit: "ha" };
  return { value: squareMetres / 1_000_000, decimals: 2, unit: "km2" };
}

/** A ring with fewer points that keeps its shape within `tolerance` (same unit as the points): what a finger drew. */
export function simplified(line: readonly Position[], tolerance: number): Position[] {
  if (line.length < 3) return [...line];
  const keep = new Set([0, line.length - 1]);
  const waiting: [number, number][] = [[0, line.length - 1]];
  for (let span = waiting.pop(); span !== undefined; span = waiting.pop()) {
    const [first, last] = span;
    let farthest = -1;
    let away = tolerance;
    for (let index = first + 1; index < last; index += 1) {
      const off = offLine(line[index] as Position, line[first] as Position, line[last] as Position);
      if (off > away) [farthest, away] = [index, off];
    }
    if (farthest < 0) continue;
    keep.add(farthest);
    waiting.push([first, farthest], [farthest, last]);
  }
  return line.filter((_, index) => keep.has(index));
}

function offLine(at: Position, from: Position, to: Position): number {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const length = Math.hypot(dx, dy);
  if (length === 0) return Math.hypot(at[0] - from[0], at[1] - from[1]);
  return Math.abs(dy * (at[0] - from[0]) - dx * (at[1] - from[1])) / length;
}
