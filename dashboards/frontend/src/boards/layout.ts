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

/** The nearest place further up (-1) or down (1) that changes anything: past a neighbour, however tall. Its own where there is none. */
export function pastNeighbour(panels: readonly Panel[], id: string, by: -1 | 1): Place {
  const from = panels.find((panel) => panel.id === id);
  if (from === undefined) return { x: 0, y: 0, w: 0, h: 0 };
  const end = Math.max(0, ...panels.map((panel) => panel.y + panel.h));
  for (let y = from.y + by; y >= 0 && y <= end; y += by) {
    if (!sameLayout(panels, moved(panels, id, { ...from, y }))) return { ...from, y };
  }
  return from;
}

/** One panel a step earlier (-1) or later (1) where panels are read one below the other: past its neighbour, or changed with it in their row. */
export function inStack(panels: readonly Panel[], id: string, by: -1 | 1): Panel[] {
  const ordered = inOrder(panels);
  const at = ordered.findIndex((panel) => panel.id === id);
  const [me, other] = [ordered[at], ordered[at + by]];
  if (me === undefined || other === undefined) return [...panels];
  const [first, second] = by < 0 ? [other, me] : [me, other];
  if (second.y >= first.y + first.h) return moved(panels, id, pastNeighbour(panels, id, by));
  // the room that the two fill together stays the same
  const later = second.y === first.y ? { x: second.x + second.w - first.w, y: first.y } : { x: Math.min(second.x, COLUMNS - first.w), y: second.y };
  const places = new Map([[second.id, { x: Math.min(first.x, COLUMNS - second.w), y: first.y }], [first.id, later]]);
  return settle(panels.map((panel) => ({ ...panel, ...places.get(panel.id) })), second.id);
}

/** Whether every panel stands where it stood and is as large. */
export function sameLayout(one: readonly Panel[], other: readonly Panel[]): boolean {
  const places = new Map(one.map((panel) => [panel.id, panel]));
  return other.every(({ id, x, y, w, h }) => {
    const was = places.get(id);
    return was !== undefined && was.x === x && was.y === y && was.w === w && was.h === h;
  });
}

/** In the order in which they are read: row by row. */
export function inOrder<T extends Place>(panels: readonly T[]): T[] {
  return [...panels].sort(byRow);
}
