// Where things are from where one stands. Pure.
import { ontoMap } from "../citymap/shift";

export interface Spot {
  readonly lon: number;
  readonly lat: number;
}

const EARTH_M = 6_371_000;
const RAD = Math.PI / 180;

/** Along the ground, in metres. */
export function metres(from: Spot, to: Spot): number {
  const high = Math.sin(((to.lat - from.lat) * RAD) / 2) ** 2;
  const wide = Math.sin(((to.lon - from.lon) * RAD) / 2) ** 2 * Math.cos(from.lat * RAD) * Math.cos(to.lat * RAD);
  return 2 * EARTH_M * Math.asin(Math.min(1, Math.sqrt(high + wide)));
}

/** Which way to go: degrees clockwise from north, 0 to 360. */
export function bearing(from: Spot, to: Spot): number {
  const east = (to.lon - from.lon) * RAD;
  const y = Math.sin(east) * Math.cos(to.lat * RAD);
  const x = Math.cos(from.lat * RAD) * Math.sin(to.lat * RAD) - Math.sin(from.lat * RAD) * Math.cos(to.lat * RAD) * Math.cos(east);
  return (Math.atan2(y, x) / RAD + 360) % 360;
}

const WINDS = ["n", "ne", "e", "se", "s", "sw", "w", "nw"] as const;
export type Wind = (typeof WINDS)[number];

/** The bearing as one of the eight winds. */
export function wind(degrees: number): Wind {
  return WINDS[Math.round(degrees / 45) % 8] ?? "n";
}

/** As people say it: below 100 m in tens, then in hundreds of metres, then in kilometres. */
export function rounded(distance_m: number): { readonly n: string; readonly unit: "m" | "km" } {
  if (distance_m < 100) return { n: String(Math.max(10, Math.round(distance_m / 10) * 10)), unit: "m" };
  if (distance_m < 1000) return { n: String(Math.round(distance_m / 50) * 50), unit: "m" };
  return { n: (distance_m / 1000).toFixed(distance_m < 10_000 ? 1 : 0), unit: "km" };
}

/**
 * The address that opens the phone's own maps at a place (RFC 5870). Apple's devices know no `geo:`; their Maps take what
 * a link of Apple's documented form says for GCJ-02 in China. `device`: what the browser says of itself.
 */
export function guideAddress(to: Spot, device: string): string {
  if (!/iPhone|iPad|Macintosh/.test(device)) return `geo:${to.lat},${to.lon}?q=${to.lat},${to.lon}`;
  const [lon, lat] = ontoMap([to.lon, to.lat], "gcj02");
  return `https://maps.apple.com/?daddr=${lat.toFixed(6)},${lon.toFixed(6)}`;
}
