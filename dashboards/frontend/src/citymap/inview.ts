// What the map shows, as numbers and lines, for those who can't see it and for those who want it in words. Pure.
import type { Position } from "../geometry";
import { assetOf, keyOf, type ShownAsset, type TileFeature } from "./things";

export interface InView {
  readonly total: number;
  /** things where something is wrong, by severity: [notice, alarm, critical] */
  readonly wrong: readonly [number, number, number];
  /** the worst, then by road and name */
  readonly worst: readonly ShownAsset[];
  /** calm ones, where few enough are in view to be named */
  readonly calm: readonly ShownAsset[];
}

export const MOST_LISTED = 60;
export const NOTHING_IN_VIEW: InView = { total: 0, wrong: [0, 0, 0], worst: [], calm: [] };

export interface Loaded {
  readonly clusters: readonly TileFeature[];
  readonly assets: readonly TileFeature[];
  readonly wrong: readonly TileFeature[];
}

/** Tiles repeat what lies on their edges; each thing counts once, and only where `inside` says that it is seen. */
export function countInView(loaded: Loaded, inside: (at: Position) => boolean, families: readonly string[]): InView {
  const seen = new Map<number, ShownAsset>();
  const wrong = new Map<number, ShownAsset>();
  for (const [features, into] of [[loaded.assets, seen], [loaded.wrong, wrong]] as const) {
    for (const feature of features) {
      const asset = assetOf(feature);
      if (asset !== undefined && families.includes(asset.family) && inside(asset.at)) into.set(keyOf(asset), asset);
    }
  }
  const worst = [...wrong.values()].sort(byWeight);
  const calm = [...seen.values()].filter((asset) => !wrong.has(keyOf(asset)));
  const clustered = clusteredIn(loaded.clusters, inside, families);
  // the wrong of a tile that holds clusters are counted in these already
  const total = clustered + (clustered > 0 ? seen.size : new Set([...seen.keys(), ...wrong.keys()]).size);
  const of = (severity: number): number => worst.filter((asset) => asset.severity === severity).length;
  return {
    total,
    wrong: [of(1), of(2), of(3)],
    worst: worst.slice(0, MOST_LISTED),
    calm: calm.sort(byWeight).slice(0, Math.max(0, MOST_LISTED - worst.length)),
  };
}

function clusteredIn(clusters: readonly TileFeature[], inside: (at: Position) => boolean, families: readonly string[]): number {
  const counted = new Set<string>();
  let sum = 0;
  for (const { properties, geometry } of clusters) {
    const at = geometry.coordinates as Position;
    const says = properties ?? {};
    const key = `${at[0].toFixed(6)} ${at[1].toFixed(6)} ${String(says.n)}`;
    if (geometry.type !== "Point" || counted.has(key) || !inside(at)) continue;
    counted.add(key);
    sum += families.reduce((n, family) => n + Number(says[`n_${family}`] ?? 0), 0);
  }
  return sum;
}

function byWeight(one: ShownAsset, other: ShownAsset): number {
  return other.severity - one.severity || one.road.localeCompare(other.road) || one.name.localeCompare(other.name) || one.id - other.id;
}
