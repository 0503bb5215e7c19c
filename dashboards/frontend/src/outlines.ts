// Outlines of areas, as plain numbers: degrees of longitude and latitude.
import { type Frame, frameOf, type Position } from "./geometry";

/** An area as the page's address answers it; `shape` nests positions two or three deep. */
export interface AreaFeature {
  readonly type: "Feature";
  readonly geometry: { readonly type: "Polygon" | "MultiPolygon"; readonly coordinates: Nested };
  readonly properties: { readonly id: number; readonly code: string; readonly name: string; readonly level: string };
}

export type Nested = readonly (Position | Nested)[];

export interface Areas {
  readonly type: "FeatureCollection";
  readonly truncated: boolean;
  readonly features: readonly AreaFeature[];
}

/** Every position of an outline, however deep it stands. */
export function positionsOf(coordinates: Nested): Position[] {
  const found: Position[] = [];
  const look = (part: Nested | Position): void => {
    if (typeof part[0] === "number") found.push(part as Position);
    else for (const inner of part as Nested) look(inner);
  };
  look(coordinates);
  return found;
}

/** The frame around all outlines; undefined without any. */
export function frameOfAreas(features: readonly AreaFeature[]): Frame | undefined {
  return frameOf(features.flatMap((feature) => positionsOf(feature.geometry.coordinates)));
}
