import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { recallAhead } from "./clock";
import { zoneMoment } from "./format";
import { KINDS, Live, type LiveEvent, resumeAddress, shownState } from "./live";
import type { Page } from "./page";
import { lineOf, whenOf } from "./ticker";
import { sinceTitle } from "./times";
import { translator } from "./words";

const zh = translator(JSON.parse(readFileSync("../words/zh.json", "utf8")) as Record<string, string>);

function event(kind: string, body: LiveEvent["body"]): LiveEvent {
  return { id: 1, at: "2026-03-02T04:00:00Z", kind, body };
}

describe("the live badge", () => {
  it("does not cry wolf for a blink", () => {
    expect(shownState("lost", 500)).toBe("live");
    expect(shownState("lost", 2_500)).toBe("lost");
  });

  it("goes on after the last event that arrived", () => {
    expect(resumeAddress("/api/v1/stream?since=3", 17)).toBe("/api/v1/stream?since=17");
    expect(resumeAddress("/api/v1/stream?since=3", 0)).toBe("/api/v1/stream?since=3");
  });
});

/** A stream as a browser has it, which does what the test says. */
class Stream {
  static readonly OPEN = 1;
  static readonly CLOSED = 2;
  static made: Stream[] = [];
  readyState = 0;
  onopen: () => void = () => undefined;
  onerror: () => void = () => undefined;
  private readonly heard = new Map<string, (event: { data: string }) => void>();

  constructor(readonly address: string) {
    Stream.made.push(this);
  }

  addEventListener(kind: string, hear: (event: { data: string }) => void): void {
    this.heard.set(kind, hear);
  }

  open(): void {
    this.readyState = Stream.OPEN;
    this.onopen();
  }

  say(kind: string, data: unknown = {}): void {
    this.heard.get(kind)?.({ data: JSON.stringify(data) });
  }

  beat(aheadMs = 0): void {
    this.say("heartbeat", { at_ms: Date.now() + aheadMs });
  }

  close(): void {
    this.readyState = Stream.CLOSED;
  }
}

describe("the live stream", () => {
  let status = 200;
  let resyncs = 0;
  let asked = 0;
  let missed: number[] = [];
  let badge: { hidden: boolean; title: string; textContent: string; dataset: { stream: string; state?: string } };

  beforeEach(() => {
    vi.useFakeTimers({ now: Date.parse("2026-03-02T03:50:00Z") });
    recallAhead(0);
    [status, resyncs, asked, missed, Stream.made] = [200, 0, 0, [], []];
    const made = { setAttribute: () => undefined, append: () => undefined };
    vi.stubGlobal("document", Object.assign(new EventTarget(), { hidden: false, createElement: () => made }));
    vi.stubGlobal("addEventListener", () => undefined);
    vi.stubGlobal("location", { pathname: "/", search: "" });
    vi.stubGlobal("EventSource", Stream);
    vi.stubGlobal("fetch", async () => {
      asked += 1;
      return { ok: status === 200, status, headers: new Headers(), json: async () => ({}) };
    });
    const empty = { querySelector: () => null, replaceChildren: () => undefined };
    badge = Object.assign({ hidden: true, title: "", textContent: "", dataset: { stream: "/api/v1/stream?since=3" } }, empty);
    const page = { t: (key: string) => key, clock: String } as unknown as Page;
    const news = {
      onEvent: () => undefined,
      onMissed: (since: number) => void missed.push(since),
      onResync: () => (resyncs += 1),
    };
    new Live(badge as unknown as HTMLElement, page, news).start();
    Stream.made[0]?.open();
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it("comes back by itself when somebody has signed in again in another tab", async () => {
    expect(badge.dataset.state).toBe("live");
    status = 401;
    Stream.made[0]?.say("session_ended");
    await vi.advanceTimersByTimeAsync(60_000);
    expect([badge.dataset.state, Stream.made.length, resyncs]).toEqual(["ended", 1, 0]);
    status = 200;
    await vi.advanceTimersByTimeAsync(15_000);
    expect([badge.dataset.state, Stream.made.length, resyncs]).toEqual(["polling", 2, 1]);
    Stream.made[1]?.open();
    expect(badge.dataset.state).toBe("live");
    await vi.advanceTimersByTimeAsync(30_000);
    Stream.made[1]?.beat();
    await vi.advanceTimersByTimeAsync(30_000);
    expect([badge.dataset.state, Stream.made.length, resyncs]).toEqual(["live", 2, 1]);
  });

  it("is opened again where nothing comes over it, not even a heartbeat", async () => {
    await vi.advanceTimersByTimeAsync(45_000);
    expect([badge.dataset.state, Stream.made.length]).toEqual(["live", 1]);
    await vi.advanceTimersByTimeAsync(16_000);
    expect([Stream.made[0]?.readyState, Stream.made.length, resyncs]).toEqual([Stream.CLOSED, 2, 1]);
    Stream.made[1]?.open();
    expect([badge.dataset.state, resyncs]).toEqual(["live", 2]);
  });

  it("gives its connection back while nobody looks at the page, and goes on where it was", async () => {
    const look = (hidden: boolean): void => {
      Object.assign(document, { hidden });
      document.dispatchEvent(new Event("visibilitychange"));
    };
    Stream.made[0]?.say("case_opened", { id: 17, at: "2026-03-02T04:00:00Z" });
    look(true);
    await vi.advanceTimersByTimeAsync(16_000);
    const before = asked;
    await vi.advanceTimersByTimeAsync(60_000);
    expect([Stream.made[0]?.readyState, Stream.made.length, asked]).toEqual([Stream.CLOSED, 1, before]);
    look(false);
    expect(Stream.made[1]?.address).toBe("/api/v1/stream?since=17");
    Stream.made[1]?.open();
    await vi.advanceTimersByTimeAsync(100);
    expect(badge.dataset.state).toBe("live");
  });

  it("has another state read out, but not each second that it lasts", async () => {
    const spoken = badge as { ariaLive?: string };
    Stream.made[0]?.onerror();
    const said: unknown[] = [];
    for (let tick = 0; tick < 4; tick += 1) {
      await vi.advanceTimersByTimeAsync(1_000);
      said.push([badge.dataset.state, spoken.ariaLive]);
    }
    expect(said).toEqual([["live", "off"], ["lost", "polite"], ["lost", "off"], ["lost", "off"]]);
  });

  it("knows until when it told everything, by the server's clock, when it missed more than is told again", () => {
    const [noon, stream] = [Date.parse("2026-03-02T04:00:00Z"), Stream.made[0]];
    vi.setSystemTime(noon + 600_000);
    stream?.beat(-600_000);
    stream?.say("resync");
    stream?.beat(-590_000);
    stream?.say("resync");
    stream?.say("case_opened", { id: 18, at: "2026-03-02T04:00:25Z" });
    stream?.say("resync");
    // from when the page was opened; from the beat that was no greeting; from the event
    expect(missed).toEqual([noon - 600_000, noon + 10_000, noon + 25_000]);
  });

  it("goes on at once when another session has begun before its own was found to be over", async () => {
    Stream.made[0]?.say("session_ended");
    await vi.advanceTimersByTimeAsync(100);
    expect([badge.dataset.state, Stream.made.length, resyncs]).toEqual(["polling", 2, 1]);
  });

  it("is asked for again after a minute where the account has too many", async () => {
    const first = Stream.made[0];
    first?.close();
    first?.onerror();
    await vi.advanceTimersByTimeAsync(59_000);
    expect([badge.dataset.state, Stream.made.length]).toEqual(["polling", 1]);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(Stream.made).toHaveLength(2);
  });

  it("is not promised by a page that has none and does not load itself again", async () => {
    const own = { ...badge, dataset: { stream: "/api/v1/stream?since=3" } };
    const page = { t: (key: string) => key, clock: String } as unknown as Page;
    new Live(own as unknown as HTMLElement, page, { onEvent: () => undefined }).start();
    await vi.advanceTimersByTimeAsync(16_000);
    expect([badge.textContent, own.textContent]).toEqual(["live.live", "live.still"]);
  });
});

describe("the latest events", () => {
  it("tell a new case with its asset and lead to it", () => {
    const body = { case_id: 7, kind: "cover_displaced", severity: 3, stage: "filed", asset_id: 4, asset_name: "1 号" };
    expect(lineOf(event("case_opened", body), zh)).toEqual({
      text: "新案件：井盖移位或缺失",
      where: "1 号",
      href: "/cases/7",
      severity: 3,
    });
  });

  it("say the day of what was not today in the city", () => {
    const moment = zoneMoment("Asia/Shanghai");
    const now = Date.parse("2026-11-23T13:21:00Z");
    expect(whenOf(Date.parse("2026-11-22T16:00:05Z"), now, moment)).toBe("00:00:05");
    expect(whenOf(Date.parse("2026-11-22T15:59:59Z"), now, moment)).toBe("11-22 23:59");
  });

  it("say to who points at the clock which day that was, and how long ago", () => {
    const page = { moment: zoneMoment("Asia/Shanghai"), t: zh };
    const at = Date.parse("2026-11-22T15:59:59Z");
    expect(sinceTitle(at, at + 300_000, page)).toBe("2026-11-22 23:59:59 · 5 分钟前");
  });

  it("show good news as good", () => {
    const cleared = lineOf(event("alert_cleared", { rule_key: "water_high", severity: 2, asset_id: 4 }), zh);
    const closed = lineOf(event("case_moved", { kind: "water_high", stage: "closed", severity: 2, case_id: 1 }), zh);
    expect([cleared.severity, closed.severity]).toEqual([0, 0]);
    expect(cleared.href).toBe("/assets/4");
  });

  it("lead to the group that changed", () => {
    expect(lineOf(event("group_changed", { group_id: 5, rule_key: "water_high", case_id: null }), zh).href).toBe("/alert-groups/5");
  });

  it("warn of a cabinet that is gone", () => {
    const line = lineOf(event("cabinet_offline", { cabinet: "c2" }), zh);
    expect(line).toEqual({ text: "机柜 c2 离线", where: "", href: "/system#cabinets", severity: 2 });
  });

  it.each(KINDS)("%s has words", (kind) => {
    const { text } = lineOf(event(kind, { rule_key: "water_high", kind: "water_high", stage: "filed", cabinet: "c" }), zh);
    expect(text).not.toMatch(/event\.|\{|\./);
  });
});
