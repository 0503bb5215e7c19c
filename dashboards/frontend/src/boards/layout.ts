// Where panels stand: nothing lies over anything, and everything moves up as far as it can.
import type { Panel, Place } from "./shapes";

export const COLUMNS = 24;
export const ROW_PX = 40;
export const TALLEST = 40;

export function overlap(one: Place, other: Place): boolean {
  return one.x < other.x + other.w && other.x < one.x + one.w && one.y < other.y + other.h && other.y < one.y + one.h;
}

/** A place within the grid. */
export function within(place: Place): Place {
  const w = Math.min(Math.max(Math.round(place.w), 2), COLUMNS);
  const h = Math.min(Math.max(Math.round(place.h), 2), TALLEST);
  return { w, h, x: Math.min(Math.max(Math.round(place.x), 0), COLUMNS - w), y: Math.max(Math.round(place.y), 0) };
}

function byRow(one: Place, other: Place): number {
  return one.y - other.y || one.x - other.x;
}

/** The panels with `first` (if any) where it wants to be; the others make room and then all move up. */
export function settle(panels: readonly Panel[], first?: string): Panel[] {
  const leader = panels.find((panel) => panel.id === first);
  const placed: Panel[] = leader === undefined ? [] : [leader];
  for (const panel of panels.filter((each) => each !== leader).sort(byRow)) {
    let { y } = panel;
    while (placed.some((each) => overlap(each, { ...panel, y }))) y += 1;
    placed.push({ ...panel, y });
  }
  const risen: Panel[] = [];
  for (const panel of placed.sort(byRow)) {
    let { y } = panel;
    while (y > 0 && !risen.some((each) => overlap(each, { ...panel, y: y - 1 }))) y -= 1;
    risen.push({ ...panel, y });
  }
  return risen;
}

/** The panels with one of them somewhere else, or of another size. */
export function moved(panels: readonly Panel[], id: string, place: Place): Panel[] {
  return settle(
    panels.map((panel) => (panel.id === id ? { ...panel, ...within(place) } : panel)),
    id,
  );
}

/** The first place, row by row, where something of that size fits. */
export function freePlace(panels: readonly Panel[], w: number, h: number): Place {
  const end = Math.max(0, ...panels.map((panel) => panel.y + panel.h));
  for (let y = 0; y <= end; y += 1) {
    for (let x = 0; x + w <= COLUMNS; x += 1) {
      const place = { x, y, w, h };
      if (!panels.some((panel) => overlap(panel, place))) return place;
    }
  }
  return { x: 0, y: end, w, h };
}
