// A panel as a PNG: its title, its span and what it shows, on the ground of the theme.
import type { Page } from "../page";
import { palette } from "./palette";
import type { Span } from "./span";

const HEAD_PX = 46;
const EDGE_PX = 14;

/** A file that the browser keeps. */
export function keep(content: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** `paint` draws what is shown into the room below title and span, which is `size` large. */
export function pictureOf(paint: (pen: CanvasRenderingContext2D, width: number, height: number) => void, title: string, span: Span | undefined, size: { width: number; height: number }, page: Page): HTMLCanvasElement {
  const ratio = Math.max(2, devicePixelRatio);
  const canvas = document.createElement("canvas");
  canvas.width = (size.width + 2 * EDGE_PX) * ratio;
  canvas.height = (size.height + HEAD_PX + EDGE_PX) * ratio;
  const pen = canvas.getContext("2d");
  if (pen === null) throw new Error("no canvas to draw on");
  const { surface, ink, inkSoft, font } = palette();
  pen.scale(ratio, ratio);
  pen.fillStyle = surface;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.textBaseline = "middle";
  pen.fillStyle = ink;
  pen.font = `600 15px ${font}`;
  pen.fillText(title, EDGE_PX, 16, size.width);
  pen.fillStyle = inkSoft;
  pen.font = `11px ${font}`;
  if (span !== undefined) pen.fillText(`${page.moment(span.fromMs)} – ${page.moment(span.toMs)}`, EDGE_PX, 34, size.width);
  pen.translate(EDGE_PX, HEAD_PX);
  paint(pen, size.width, size.height);
  return canvas;
}

export async function keepPicture(canvas: HTMLCanvasElement, name: string): Promise<void> {
  const content = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/png"));
  if (content !== null) keep(content, name);
}
