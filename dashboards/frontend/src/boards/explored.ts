// What is explored, as it stands in the address.
import { lengthOf, readSaying, type Saying } from "./span";

export interface Explored {
  readonly points: readonly number[];
  readonly time: Saying;
  /** how long before the lines that are compared with began ("-7d"); empty: none are */
  readonly before: string;
}

/** More lines than this nobody tells apart. */
export const MOST_POINTS = 20;
/** What is explored where nothing else is said. */
export const USUAL: Saying = { from: "-24h", to: "now" };

export function readExplored(search: string): Explored {
  const asked = new URLSearchParams(search);
  const points = (asked.get("points") ?? "").split(",").map(Number);
  const before = asked.get("before") ?? "";
  return {
    points: [...new Set(points.filter((id) => Number.isInteger(id) && id > 0))].slice(0, MOST_POINTS),
    time: readSaying(asked, USUAL),
    before: lengthOf(before) === undefined ? "" : before,
  };
}

export function writeExplored({ points, time, before }: Explored): string {
  const parts: string[] = [];
  if (points.length > 0) parts.push(`points=${points.slice(0, MOST_POINTS).join(",")}`);
  if (time.from !== USUAL.from || time.to !== USUAL.to) parts.push(`from=${encodeURIComponent(time.from)}&to=${encodeURIComponent(time.to)}`);
  if (before !== "") parts.push(`before=${before}`);
  return parts.length === 0 ? "" : `?${parts.join("&")}`;
}
