// One asset as the tiles tell of it.
import type { Position } from "../geometry";
import type { Translate } from "../words";

export interface ShownAsset {
  /** 0 for a case at a place without an asset */
  readonly id: number;
  readonly family: string;
  /** code of its class */
  readonly code: string;
  readonly state: string;
  /** 0 all is well … 3 critical */
  readonly severity: number;
  readonly caseId: number | undefined;
  /** the kind of that case, empty without one */
  readonly caseKind: string;
  readonly name: string;
  readonly road: string;
  /** in the map's own coordinates */
  readonly at: Position;
}

/** Of what MapLibre's features are, as much as is needed here. */
export interface TileFeature {
  readonly properties: Readonly<Record<string, unknown>> | null;
  readonly geometry: { readonly type: string; readonly coordinates?: unknown };
}

/** The asset that a feature of the tiles stands for; undefined for anything else. */
export function assetOf(feature: TileFeature): ShownAsset | undefined {
  const says = feature.properties ?? {};
  const id = Number(says.id ?? 0);
  const caseId = Number(says.k ?? 0);
  if (feature.geometry.type !== "Point" || !(id > 0 || caseId > 0)) return undefined;
  return {
    id,
    family: String(says.f ?? "other"),
    code: String(says.c ?? ""),
    state: String(says.st ?? "intact"),
    severity: Number(says.s ?? 0),
    caseId: caseId > 0 ? caseId : undefined,
    caseKind: String(says.ck ?? ""),
    name: String(says.n ?? ""),
    road: String(says.r ?? ""),
    at: feature.geometry.coordinates as Position,
  };
}

/** What a kind of cases is called, by the words of the page that shows it; empty where it has none. */
export function kindWord(kind: string, t: Translate): string {
  const key = `kind.${kind}`;
  const said = t(key);
  return said === key ? "" : said;
}

/** What tells two of them apart, also those without an asset. */
export function keyOf(asset: Pick<ShownAsset, "id" | "caseId">): number {
  return asset.id > 0 ? asset.id : -(asset.caseId ?? 0);
}
