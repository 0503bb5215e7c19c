// Lines and frames for the map, as plain numbers: degrees of longitude and latitude.

export type Position = [number, number];

export interface Frame {
  readonly west: number;
  readonly south: number;
  readonly east: number;
  readonly north: number;
}

/** The smallest frame around all positions; undefined without any. */
export function frameOf(positions: readonly Position[]): Frame | undefined {
  const first = positions[0];
  if (first === undefined) return undefined;
  let [west, south] = first;
  let [east, north] = first;
  for (const [lon, lat] of positions) {
    west = Math.min(west, lon);
    east = Math.max(east, lon);
    south = Math.min(south, lat);
    north = Math.max(north, lat);
  }
  return { west, south, east, north };
}

const STEPS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];

/** A round step in degrees that puts at most `lines` lines across the frame. */
export function stepFor(frame: Frame, lines = 10): number {
  const span = Math.max(frame.east - frame.west, frame.north - frame.south);
  return STEPS.find((step) => span / step <= lines) ?? 30;
}

/** The lines of the grid across a frame. */
export function graticule(frame: Frame, step = stepFor(frame)): Position[][] {
  const lines: Position[][] = [];
  for (let at = Math.ceil(frame.west / step); at * step <= frame.east; at += 1) {
    lines.push([[at * step, frame.south], [at * step, frame.north]]);
  }
  for (let at = Math.ceil(frame.south / step); at * step <= frame.north; at += 1) {
    lines.push([[frame.west, at * step], [frame.east, at * step]]);
  }
  return lines;
}

export interface OnRoad {
  readonly road: string;
  readonly at: Position;
}

const METRES_PER_DEGREE = 111_320;
/** Neighbours on one road further apart than this are not joined: a road may have a gap, or a namesake. */
const LONGEST_GAP_M = 220;

function metres(from: Position, to: Position): number {
  const x = (to[0] - from[0]) * Math.cos((from[1] * Math.PI) / 180);
  return Math.hypot(x, to[1] - from[1]) * METRES_PER_DEGREE;
}

/** How far along its road's main direction each position lies; a road is nearly straight between junctions. */
function along(positions: readonly Position[]): (at: Position) => number {
  const n = positions.length;
  const meanX = positions.reduce((sum, at) => sum + at[0], 0) / n;
  const meanY = positions.reduce((sum, at) => sum + at[1], 0) / n;
  const squeeze = Math.cos((meanY * Math.PI) / 180);
  let xx = 0;
  let xy = 0;
  let yy = 0;
  for (const [lon, lat] of positions) {
    const x = (lon - meanX) * squeeze;
    const y = lat - meanY;
    xx += x * x;
    xy += x * y;
    yy += y * y;
  }
  const angle = Math.atan2(2 * xy, xx - yy) / 2;
  return ([lon, lat]) => (lon - meanX) * squeeze * Math.cos(angle) + (lat - meanY) * Math.sin(angle);
}

/** Faint streets where no base map is: the assets of each road joined in order, cut where they are far apart. */
export function streets(assets: readonly OnRoad[]): Position[][] {
  return roads(assets).map(({ line }) => line);
}

/** The same, each with the name of its road. */
export function roads(assets: readonly OnRoad[]): { readonly name: string; readonly line: Position[] }[] {
  const found = new Map<string, Position[]>();
  for (const { road, at } of assets) {
    if (road === "") continue;
    const on = found.get(road);
    if (on === undefined) found.set(road, [at]);
    else on.push(at);
  }
  return [...found].flatMap(([name, positions]) => pieces(positions).map((line) => ({ name, line })));
}

function pieces(positions: readonly Position[]): Position[][] {
  const key = along(positions);
  const ordered = [...positions].sort((one, other) => key(one) - key(other));
  const found: Position[][] = [];
  let line: Position[] = [];
  for (const at of ordered) {
    const before = line.at(-1);
    if (before !== undefined && metres(before, at) > LONGEST_GAP_M) {
      if (line.length > 1) found.push(line);
      line = [];
    }
    line.push(at);
  }
  if (line.length > 1) found.push(line);
  return found;
}
