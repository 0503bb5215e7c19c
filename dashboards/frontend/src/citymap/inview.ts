// What the map shows, as numbers and lines, for those who can't see it and for those who want it in words. Pure.
import type { Position } from "../geometry";
import { assetOf, keyOf, type ShownAsset, type TileFeature } from "./things";

export interface InView {
  /** only what is wrong at least so severely was counted; 0 everything */
  readonly severity: number;
  readonly total: number;
  /** things where something is wrong, by severity: [notice, alarm, critical]; of those up to `cut` there may be more */
  readonly wrong: readonly [number, number, number];
  /** how severe the worst is that the tiles had no room for; 0: all is counted */
  readonly cut: number;
  /** the worst, then by road and name */
  readonly worst: readonly ShownAsset[];
  /** calm ones, where few enough are in view to be named */
  readonly calm: readonly ShownAsset[];
}

export const MOST_LISTED = 60;

/** Layers of the tiles that are counted. */
export const COUNTED = ["clusters", "wrong", "cut", "assets"] as const;
export type Counted = (typeof COUNTED)[number];

/**
 * Counts what is seen, piece by piece: a dense city shows tens of thousands of things at once, and whoever counts them in
 * one go holds the page up. Tiles repeat what lies on their edges; each thing counts once, and only where `inside` says
 * that it is seen.
 */
export class ViewCounter {
  private readonly seen = new Map<number, ShownAsset>();
  private readonly wrong = new Map<number, ShownAsset>();
  private readonly counted = new Set<string>();
  private clustered = 0;
  private cut = 0;

  constructor(
    private readonly inside: (at: Position) => boolean,
    private readonly families: readonly string[],
    /** only what is wrong at least so severely; 0 everything */
    private readonly severity = 0,
  ) {}

  add(layer: Counted, features: readonly TileFeature[]): void {
    if (layer === "cut") {
      for (const { properties } of features) this.cut = Math.max(this.cut, Number(properties?.s ?? 0));
      return;
    }
    if (this.severity > 0 && layer !== "wrong") return;
    if (layer === "clusters") for (const feature of features) this.addCluster(feature);
    else for (const feature of features) this.addThing(feature, layer === "wrong" ? this.wrong : this.seen);
  }

  result(): InView {
    const worst = [...this.wrong.values()];
    const of = (severity: number): number => worst.reduce((n, asset) => n + (asset.severity === severity ? 1 : 0), 0);
    const calm: ShownAsset[] = [];
    for (const [key, asset] of this.seen) if (!this.wrong.has(key)) calm.push(asset);
    return {
      severity: this.severity,
      // the wrong of a tile that holds clusters are counted in these already
      total: this.clustered + (this.clustered > 0 ? this.seen.size : calm.length + worst.length),
      wrong: [of(1), of(2), of(3)],
      cut: this.cut,
      worst: listed(worst, MOST_LISTED),
      calm: listed(calm, Math.max(0, MOST_LISTED - worst.length)),
    };
  }

  private addThing(feature: TileFeature, into: Map<number, ShownAsset>): void {
    const asset = assetOf(feature);
    if (asset !== undefined && asset.severity >= this.severity && this.families.includes(asset.family) && this.inside(asset.at)) into.set(keyOf(asset), asset);
  }

  private addCluster({ properties, geometry }: TileFeature): void {
    if (geometry.type !== "Point") return;
    const at = geometry.coordinates as Position;
    const says = properties ?? {};
    const key = `${at[0].toFixed(6)} ${at[1].toFixed(6)} ${String(says.n)}`;
    if (this.counted.has(key) || !this.inside(at)) return;
    this.counted.add(key);
    this.clustered += this.families.reduce((n, family) => n + Number(says[`n_${family}`] ?? 0), 0);
  }
}

/** The first `most` of `all` in the order of `compare`: what is cut off is never sorted. */
export function firstOf<T>(all: Iterable<T>, most: number, compare: (one: T, other: T) => number): T[] {
  const kept: T[] = [];
  for (const each of all) {
    const last = kept.at(-1);
    if (kept.length >= most && (last === undefined || compare(each, last) >= 0)) continue;
    let low = 0;
    let high = kept.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compare(each, kept[middle] as T) < 0) high = middle;
      else low = middle + 1;
    }
    kept.splice(low, 0, each);
    if (kept.length > most) kept.pop();
  }
  return kept;
}

/** The ones that are listed, in the order that people read; which ones is decided by the quick order of code points. */
function listed(assets: readonly ShownAsset[], most: number): ShownAsset[] {
  return firstOf(assets, most, quickly).sort(inWords);
}

function quickly(one: ShownAsset, other: ShownAsset): number {
  return other.severity - one.severity || byCode(one.road, other.road) || byCode(one.name, other.name) || one.id - other.id;
}

function byCode(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

const words = new Intl.Collator();

function inWords(one: ShownAsset, other: ShownAsset): number {
  return other.severity - one.severity || words.compare(one.road, other.road) || words.compare(one.name, other.name) || one.id - other.id;
}
