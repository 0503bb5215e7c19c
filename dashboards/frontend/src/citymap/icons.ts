// The map's symbols, drawn here: what a thing is by its outline and glyph, how it is by a mark of its own, and how grave
// by the shape that the lists use too. Colour never says anything alone.
import { colour } from "../theme";

export const PIXELS = 2;
const SIZE = 28;
const MIDDLE = SIZE / 2;

/** Class codes whose glyph is the same in both national standards, by family; all others get their family's. */
const GLYPHS: Readonly<Record<string, string>> = {
  "cover-0101": "drop",
  "cover-0102": "waves",
  "cover-0103": "rain",
  "cover-0104": "grate",
  "cover-0105": "bolt",
  "cover-0106": "lamp",
  "cover-0107": "signal",
  "cover-0108": "signal",
  "cover-0109": "signal",
  "cover-0110": "heat",
  "cover-0111": "flame",
  "light-0119": "low",
  "light-0138": "low",
  "other-0115": "box",
  "other-0127": "box",
  "other-0116": "bolt",
  "other-0128": "bolt",
  "other-0117": "pole",
  "other-0130": "pole",
  "other-0131": "pole",
  "other-0136": "eye",
  "other-0150": "eye",
};

/** Lines of each glyph on a field of 12 × 12 around the middle. */
const LINES: Readonly<Record<string, string>> = {
  cover: "M0 -6.5V-3M0 3V6.5M-6.5 0H-3M3 0H6.5M-3.2 0a3.2 3.2 0 1 0 6.4 0a3.2 3.2 0 1 0 -6.4 0",
  drop: "M0 -5.5C2.8 -2.2 4 -.4 4 1.6A4 4 0 0 1 -4 1.6C-4 -.4 -2.8 -2.2 0 -5.5z",
  waves: "M-5.5 -1.8c1.8 -1.8 3.6 -1.8 5.5 0s3.6 1.8 5.5 0M-5.5 2.4c1.8 -1.8 3.6 -1.8 5.5 0s3.6 1.8 5.5 0",
  rain: "M-3.6 -4.5l-1.6 9M.8 -4.500l-1.600 9M5.200 -4.500l-1.600 9",
  grate: "M-5 -4H5M-5 0H5M-5 4H5",
  bolt: "M1.500 -6L-3.500 .8H.3L-1.500 6L3.800 -1.200H0z",
  lamp: "M-2.500 6H1.500M-.5 6V-3a2.600 2.600 0 0 1 5.200 0M2.500 -2.200h4.400",
  signal: "M0 1.500V6M-2.700 3a4.300 4.300 0 1 1 5.400 0M-.6 -.3h1.200",
  heat: "M-4 5c-2 -3.500 2 -6.500 0 -10M0 5c-2 -3.500 2 -6.500 0 -10M4 5c-2 -3.500 2 -6.500 0 -10",
  flame: "M0 -6C3.500 -2.800 4.500 -.6 4.500 1.600A4.500 4.500 0 0 1 -4.500 1.600C-4.500 0 -3.400 -.9 -2.600 -2C-1.900 -.9 -1.200 -.6 -.6 -1.100C.3 -2 -.3 -4 0 -6z",
  light: "M0 -5.500v1.700M0 3.800v1.700M-5.500 0h1.700M3.800 0h1.700M-3.900 -3.900l1.200 1.200M2.700 2.700l1.200 1.200M3.900 -3.900l-1.200 1.200M-2.700 2.700l-1.200 1.200M-2 0a2 2 0 1 0 4 0a2 2 0 1 0 -4 0",
  low: "M-5 4.500H5M-3 4.500a3 3 0 0 1 6 0M0 -1.500v-2.500M-4 0l-1.800 -1.800M4 0l1.800 -1.800",
  box: "M-4.500 -5H4.500V5H-4.500zM0 -5V5M-1.700 0h.1M1.700 0h.1",
  pole: "M0 6V-6M-3.500 -4H3.500",
  eye: "M-6 0S-3.500 -4 0 -4S6 0 6 0S3.500 4 0 4S-6 0 -6 0zM-1.600 0a1.600 1.600 0 1 0 3.200 0a1.600 1.600 0 1 0 -3.200 0",
  other: "M-4 0H4M0 -4V4",
};

/** The same of what moves. */
const MOBILE_LINES: Readonly<Record<string, string>> = {
  vehicle: "M-6.500 2.800V-3.500H1.500V2.800M1.500 -1H4.500L6.500 1.200V2.800M-6.500 2.800H-5M-1.600 2.800H2M5.400 2.800H6.500M-5 3.200a1.700 1.700 0 1 0 3.400 0a1.700 1.700 0 1 0 -3.400 0M2 3.200a1.700 1.700 0 1 0 3.400 0a1.700 1.700 0 1 0 -3.400 0",
  recorder: "M-6 -3.500H2.500V3.500H-6zM2.500 -1L6 -3V3L2.500 1",
  handset: "M-3 -6H3V6H-3zM-.8 3.800H.8",
  other: "M-2.200 -3.500a2.200 2.200 0 1 0 4.400 0a2.200 2.200 0 1 0 -4.400 0M-4.500 5.500C-4.500 -.5 4.500 -.5 4.500 5.500",
};

function glyphOf(family: string, code: string): string {
  return GLYPHS[`${family}-${code}`] ?? (family === "cover" || family === "light" ? family : "other");
}

/** The name of the picture of a thing; `drawNamed` draws it. */
export function iconName(family: string, code: string, state: string): string {
  return `thing:${family}:${glyphOf(family, code)}:${state === "damaged" || state === "lost" ? state : "intact"}`;
}

/** Every class that has a glyph of its own, as `family-code` → glyph, for the style's expressions. */
export const GLYPH_TABLE: readonly (readonly [string, string])[] = Object.entries(GLYPHS);

function pen(size: number): CanvasRenderingContext2D {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size * PIXELS;
  const found = canvas.getContext("2d", { willReadFrequently: true });
  if (found === null) throw new Error("no canvas to draw on");
  found.scale(PIXELS, PIXELS);
  found.lineJoin = found.lineCap = "round";
  return found;
}

function finished(drawn: CanvasRenderingContext2D): ImageData {
  return drawn.getImageData(0, 0, drawn.canvas.width, drawn.canvas.height);
}

/** Covers are round, lights stand on a corner, everything else is square. */
function bodyOf(family: string): Path2D {
  const body = new Path2D();
  if (family === "cover") body.arc(MIDDLE, MIDDLE, 10.5, 0, Math.PI * 2);
  else if (family === "light") return new Path2D("M14 2.200L25.800 14L14 25.800L2.200 14z");
  else body.roundRect?.(4, 4, 20, 20, 4);
  if (family !== "cover" && !("roundRect" in body)) return new Path2D("M4 4H24V24H4z");
  return body;
}

function drawThing(family: string, glyph: string, state: string): ImageData {
  const drawn = pen(SIZE);
  const body = bodyOf(family);
  const tone = colour(family === "cover" ? "cover" : family === "light" ? "light" : "ink-soft");
  const surface = colour("surface");
  const lost = state === "lost";
  drawn.lineWidth = 4;
  drawn.strokeStyle = surface;
  drawn.stroke(body);
  const hollow = lost || family === "light";
  drawn.fillStyle = hollow ? surface : tone;
  drawn.fill(body);
  drawn.lineWidth = 2;
  drawn.strokeStyle = lost ? colour("critical") : tone;
  if (lost) drawn.setLineDash([3, 3]);
  if (hollow) drawn.stroke(body);
  drawn.setLineDash([]);
  drawn.save();
  drawn.translate(MIDDLE, MIDDLE);
  if (family === "light") drawn.scale(0.82, 0.82);
  drawn.lineWidth = 1.8;
  drawn.strokeStyle = lost ? colour("critical") : hollow ? tone : surface;
  drawn.stroke(new Path2D(lost ? "M-4 -4L4 4M4 -4L-4 4" : (LINES[glyph] ?? LINES.other ?? "")));
  drawn.restore();
  if (state === "damaged") drawCrack(drawn);
  return finished(drawn);
}

/** A damaged thing is cracked from rim to rim, in the alarm's colour on a light seam. */
function drawCrack(drawn: CanvasRenderingContext2D): void {
  const crack = new Path2D("M19.500 3.500L14.500 10.500L18 13.500L11 24.500");
  drawn.lineWidth = 5;
  drawn.strokeStyle = colour("surface");
  drawn.stroke(crack);
  drawn.lineWidth = 2.400;
  drawn.strokeStyle = colour("alarm");
  drawn.stroke(crack);
}

const FILLS = ["", "notice-fill", "alarm-fill", "critical-fill"] as const;
const MARKS = ["", "on-notice", "on-alarm", "on-critical"] as const;
const SHAPES = [
  "",
  "M12 2.5a9.5 9.5 0 1 1 0 19 9.5 9.5 0 1 1 0-19z",
  "M12 1.5 23.5 22H.5z",
  "M12 .8 23.2 12 12 23.2 .8 12z",
] as const;
const SIGNS = ["", "M12 11.3v5.2M12 7.4v.1", "M12 9.3v5M12 18.2v.1", "M12 6.8v6M12 16.8v.1"] as const;

/** The severity's shape: the same circle, triangle and diamond as in the lists, with a rim. */
function drawSeverity(severity: number): ImageData {
  const drawn = pen(32);
  drawn.translate(4, 4);
  const body = new Path2D(SHAPES[severity] ?? "");
  drawn.lineWidth = 5;
  drawn.strokeStyle = colour("surface");
  drawn.stroke(body);
  drawn.fillStyle = colour(FILLS[severity] ?? "ink");
  drawn.fill(body);
  drawn.lineWidth = 2.600;
  drawn.strokeStyle = colour(MARKS[severity] ?? "surface");
  drawn.stroke(new Path2D(SIGNS[severity] ?? ""));
  return finished(drawn);
}

/** What moves has a body that nothing standing has: six corners. Hollow and dashed: its place is old. */
function drawMobile(kind: string, fresh: boolean): ImageData {
  const drawn = pen(SIZE);
  const body = new Path2D("M14 2L24.400 8V20L14 26L3.600 20V8z");
  const tone = colour(fresh ? "accent-ground" : "ink-soft");
  drawn.lineWidth = 4;
  drawn.strokeStyle = colour("surface");
  drawn.stroke(body);
  drawn.fillStyle = fresh ? tone : colour("surface");
  drawn.fill(body);
  drawn.lineWidth = 1.6;
  drawn.strokeStyle = tone;
  if (!fresh) drawn.setLineDash([3, 2.5]);
  drawn.stroke(body);
  drawn.setLineDash([]);
  drawn.translate(MIDDLE, MIDDLE);
  drawn.strokeStyle = fresh ? colour("on-accent") : tone;
  drawn.stroke(new Path2D(MOBILE_LINES[kind] ?? MOBILE_LINES.other ?? ""));
  return finished(drawn);
}

/** The picture that a style asked for by name; undefined for a name that is none of ours. */
export function drawNamed(name: string): ImageData | undefined {
  const [sort, ...rest] = name.split(":");
  if (sort === "severity") return drawSeverity(Number(rest[0]));
  if (sort === "mobile") return drawMobile(rest[0] ?? "", rest[1] === "on");
  if (sort === "thing") return drawThing(rest[0] ?? "", rest[1] ?? "", rest[2] ?? "");
  return undefined;
}

/** The same picture as an element; `label` "" where words beside it say the same. */
export function pictureOf(name: string, label: string): HTMLCanvasElement {
  const image = drawNamed(name);
  const canvas = document.createElement("canvas");
  if (image === undefined) return canvas;
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext("2d")?.putImageData(image, 0, 0);
  canvas.className = "map-picture";
  if (label === "") canvas.setAttribute("aria-hidden", "true");
  else {
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", label);
  }
  return canvas;
}
