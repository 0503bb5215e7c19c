// The day in hours: what came in as bars, what is usual as a line. Drawn anew as a whole: 24 bars cost nothing.
import { ceiling, type Trend } from "./wall_model";
import type { Translate } from "./words";

const WIDTH = 960;
const HEIGHT = 200;
const LEFT = 44;
const BOTTOM = 30;
const TOP = 12;
const GAP = 8;
const NAMESPACE = "http://www.w3.org/2000/svg";

function shape(tag: string, attributes: Readonly<Record<string, string | number>>, text = ""): SVGElement {
  const made = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.textContent = text;
  return made;
}

/** The points of the usual line: a step for each hour. */
export function usualLine(usual: readonly number[], top: number): string {
  const step = (WIDTH - LEFT) / 24;
  const y = (value: number): string => (HEIGHT - BOTTOM - (value / top) * (HEIGHT - BOTTOM - TOP)).toFixed(1);
  return usual.map((value, hour) => `${hour === 0 ? "M" : "L"}${(LEFT + hour * step).toFixed(1)} ${y(value)}H${(LEFT + (hour + 1) * step).toFixed(1)}`).join("");
}

export function drawTrend(box: HTMLElement, trend: Trend, t: Translate): void {
  const said = JSON.stringify(trend);
  if (box.dataset.drawn === said) return;
  box.dataset.drawn = said;
  const top = ceiling(trend);
  const step = (WIDTH - LEFT) / 24;
  const svg = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  for (const part of [0, 0.5, 1]) {
    const y = HEIGHT - BOTTOM - part * (HEIGHT - BOTTOM - TOP);
    svg.append(shape("line", { class: "wall-grid", x1: LEFT, x2: WIDTH, y1: y, y2: y }));
  }
  trend.today.forEach((value, hour) => {
    const high = (value / top) * (HEIGHT - BOTTOM - TOP);
    const running = hour === trend.today.length - 1 ? " running" : "";
    svg.append(shape("rect", { class: `wall-hour${running}`, x: LEFT + hour * step + GAP / 2, width: step - GAP, y: HEIGHT - BOTTOM - high, height: Math.max(high, 0.5) }));
  });
  if (trend.usual !== null) svg.append(shape("path", { class: "wall-usual", d: usualLine(trend.usual, top) }));
  const labels = document.createElement("div");
  labels.className = "wall-axis";
  labels.setAttribute("aria-hidden", "true");
  for (const hour of [0, 3, 6, 9, 12, 15, 18, 21]) {
    const label = document.createElement("span");
    label.textContent = t("wall.hour", { h: hour });
    label.style.insetInlineStart = `${((100 * (LEFT + hour * step)) / WIDTH).toFixed(2)}%`;
    labels.append(label);
  }
  for (const [value, part] of [[top, 1], [top / 2, 0.5]] as const) {
    const label = document.createElement("span");
    label.className = "wall-level";
    label.textContent = String(value);
    label.style.insetBlockStart = `${((100 * (HEIGHT - BOTTOM - part * (HEIGHT - BOTTOM - TOP))) / HEIGHT).toFixed(2)}%`;
    labels.append(label);
  }
  const key = document.createElement("p");
  key.className = "wall-key";
  const mark = (kind: string, words: string): void => {
    const swatch = document.createElement("i");
    swatch.className = `wall-swatch ${kind}`;
    key.append(swatch, words);
  };
  mark("today", t("wall.trend_key_today"));
  if (trend.usual !== null) mark("usual", t("wall.trend_key_usual"));
  box.replaceChildren(svg, labels, key);
}
