import { expect, it, vi } from "vitest";
import { zoneMoment } from "../format";
import type { Page } from "../page";
import { clockOf } from "./ui";

const page = { moment: zoneMoment("Asia/Shanghai") } as unknown as Page;

it("a moment is told by its clock, with its day and year where those are not today's in the city", () => {
  vi.useFakeTimers({ now: Date.parse("2026-11-26T16:30:00Z") }); // half past midnight of the 27th in the city
  const told = ["2026-11-26T16:05:00Z", "2026-11-26T15:59:59Z", "2025-12-31T16:00:00Z", "2025-12-31T15:59:00Z"].map((iso) => clockOf(iso, page));
  expect(told).toEqual(["00:05", "11-26 23:59", "01-01 00:00", "2025-12-31 23:59"]);
  vi.useRealTimers();
});
