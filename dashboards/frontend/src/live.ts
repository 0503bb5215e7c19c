// The live connection: server-sent events, with the truth about whether they arrive.
import { fetchJson, type Figures, Refused } from "./answers";
import { cityNow, heardClock } from "./clock";
import { element } from "./elements";
import { agoInMinutes, duration } from "./format";
import { type Page, say } from "./page";

export interface LiveEvent {
  readonly id: number;
  readonly at: string;
  readonly kind: string;
  readonly body: Readonly<Record<string, string | number | null | undefined>>;
}

export const KINDS = [
  "alert_fired",
  "alert_cleared",
  "alert_changed",
  "group_changed",
  "case_opened",
  "case_moved",
  "case_overdue",
  "supervision_reminded",
  "recheck_due",
  "cabinet_online",
  "cabinet_offline",
] as const;

export type LiveState = "starting" | "live" | "lost" | "polling" | "ended";

export interface LiveNews {
  /** `now`: by the server's clock, ms; a desk's own may be wrong. */
  readonly onEvent: (event: LiveEvent) => void;
  /** Something may have been missed, or time has passed without a stream: load the figures again. */
  readonly onResync?: () => void;
  /** More was missed than the stream tells again, after `sinceMs` (the city's clock). */
  readonly onMissed?: (sinceMs: number) => void;
  /** The city's figures, a few times a minute. */
  readonly onFigures?: (figures: Figures) => void;
  /** Nobody has to look at the page: it rings. */
  readonly rings?: boolean;
}

const CHECK_EVERY_MS = 15_000;
const RETRY_MS = 3_000;
/** A stream that was refused (too many are open) is asked for again after this long. */
const REFUSED_RETRY_MS = 60_000;
/** Three heartbeats of the server: a connection that was cut somewhere on its way looks open for minutes. */
const SILENT_MS = 50_000;
/** A browser without HTTP/2 has six connections for all of its tabs: who is not looked at for so long gives theirs back. */
const HIDDEN_MS = 15_000;

/** Whether a lost connection has lasted so long that people must be told; a blink is not worth a warning. */
export function shownState(state: LiveState, lostForMs: number): LiveState {
  return state === "lost" && lostForMs < 2_000 ? "live" : state;
}

/** The address to go on from: the same stream after the last event that arrived. */
export function resumeAddress(address: string, lastId: number): string {
  return lastId > 0 ? address.replace(/since=\d+/, `since=${lastId}`) : address;
}

export class Live {
  private source: EventSource | undefined;
  private state: LiveState = "starting";
  private lostAt = 0;
  private newsAt = cityNow();
  private lastId = 0;
  private heardAt = Date.now();
  /** until when the stream has told everything, by the city's clock */
  private knownUntil = cityNow();
  private wasLost = false;
  private resting = false;
  private hiding: ReturnType<typeof setTimeout> | undefined;
  /** The stream ended with the session that it was opened in: the first answer to whoever signed in since opens another. */
  private over = false;

  constructor(
    private readonly badge: HTMLElement,
    private readonly page: Page,
    private readonly news: LiveNews,
  ) {}

  start(): void {
    this.badge.hidden = false;
    this.resting = document.hidden && this.news.rings !== true;
    this.connect();
    setInterval(() => this.show(), 1_000);
    setInterval(() => {
      if (!this.resting) void this.check();
    }, CHECK_EVERY_MS);
    document.addEventListener("visibilitychange", () => this.seen());
    addEventListener("online", () => void this.check());
    addEventListener("offline", () => this.set("lost"));
    addEventListener("pagehide", () => this.source?.close());
    addEventListener("pageshow", (event) => {
      if (event.persisted) this.connect();
    });
  }

  /** Somebody looks at the page again, or does not any more. */
  private seen(): void {
    clearTimeout(this.hiding);
    if (document.hidden) {
      if (this.news.rings !== true) this.hiding = setTimeout(() => this.rest(), HIDDEN_MS);
      return;
    }
    const rested = this.resting;
    this.resting = false;
    if (rested) this.connect();
    void this.check();
  }

  private rest(): void {
    this.resting = true;
    this.source?.close();
  }

  private connect(): void {
    if (this.over || this.resting) return;
    this.source?.close();
    this.heardAt = Date.now();
    // the first beat greets, before what was missed is told
    let greeted = false;
    const source = new EventSource(resumeAddress(this.badge.dataset.stream ?? "", this.lastId));
    this.source = source;
    source.onopen = () => {
      if (this.wasLost) this.news.onResync?.();
      this.wasLost = false;
      this.heardAt = Date.now();
      this.set("live");
    };
    source.onerror = () => {
      this.set("lost");
      this.wasLost = true;
      if (source.readyState === EventSource.CLOSED) void this.refused();
    };
    for (const kind of KINDS) source.addEventListener(kind, (event) => this.hear(event));
    source.addEventListener("heartbeat", (event: MessageEvent<string>) => {
      this.heardAt = Date.now();
      const { at_ms } = JSON.parse(event.data) as { at_ms: number };
      heardClock(at_ms, this.heardAt);
      if (greeted) this.knownUntil = at_ms;
      greeted = true;
    });
    source.addEventListener("resync", () => {
      this.heardAt = Date.now();
      this.news.onResync?.();
      this.news.onMissed?.(this.knownUntil);
      this.knownUntil = cityNow();
    });
    // somebody may have signed in anew by now: the answer tells
    source.addEventListener("session_ended", () => {
      source.close();
      this.over = true;
      void this.check();
    });
  }

  private hear(event: MessageEvent<string>): void {
    const item = JSON.parse(event.data) as LiveEvent;
    this.lastId = Math.max(this.lastId, item.id);
    this.heardAt = Date.now();
    this.newsAt = cityNow();
    this.knownUntil = Math.max(this.knownUntil, Date.parse(item.at));
    this.set("live");
    this.news.onEvent(item);
  }

  /** The stream was refused outright: find out why. The server may be there without room for another stream. */
  private async refused(): Promise<void> {
    const wait = (await this.check()) ? REFUSED_RETRY_MS : RETRY_MS;
    setTimeout(() => this.connect(), wait);
  }

  /** Asks the server for a sign of life; without a stream this is also what keeps the figures fresh. */
  private async check(): Promise<boolean> {
    try {
      // who shows no figures has none counted
      if (this.news.onFigures === undefined) await fetchJson("/api/v1/me");
      else this.news.onFigures(await fetchJson<Figures>("/api/v1/overview"));
    } catch (problem) {
      if (problem instanceof Refused && (problem.status === 401 || problem.status === 403)) this.end();
      else this.set("lost");
      return false;
    }
    if (this.over) {
      this.over = false;
      this.connect();
    } else if (this.source?.readyState === EventSource.OPEN && Date.now() - this.heardAt > SILENT_MS) {
      this.wasLost = true;
      this.connect();
    }
    const streaming = this.source?.readyState === EventSource.OPEN;
    if (!streaming) this.news.onResync?.();
    this.set(streaming ? "live" : "polling");
    return true;
  }

  private end(): void {
    this.source?.close();
    this.over = true;
    this.set("ended");
  }

  private set(state: LiveState): void {
    if (this.state === "ended" && this.over) return;
    if (state === "lost" && this.state !== "lost") this.lostAt = Date.now();
    if (state === "live") this.newsAt = cityNow();
    this.state = state;
    this.show();
  }

  private offerLogin(): void {
    if (this.badge.querySelector("a") !== null) return;
    const { t } = this.page;
    const next = encodeURIComponent(location.pathname + location.search);
    this.badge.replaceChildren(`${t("live.ended")} `, element("a", { href: `/login?next=${next}` }, t("nav.login")));
  }

  private show(): void {
    const { t, clock } = this.page;
    const lostFor = Date.now() - this.lostAt;
    const state = shownState(this.state, lostFor);
    // another state is read out, but not each second of it
    const spoken = state === this.badge.dataset.state ? "off" : "polite";
    if (this.badge.ariaLive !== spoken) this.badge.ariaLive = spoken;
    this.badge.dataset.state = state;
    if (state === "ended") {
      this.offerLogin();
      return;
    }
    const span = duration(lostFor / 1000, t);
    // without a stream only some pages load themselves again
    const still = state === "polling" && this.news.onResync === undefined;
    say(this.badge, state === "lost" ? t("live.lost", { span }) : still ? t("live.still") : t(`live.${state}`));
    this.badge.title = still
      ? ""
      : state === "lost"
        ? t("live.explain_lost", { clock: clock(this.lostAt) })
        : t("live.explain_live", { clock: clock(this.newsAt), ago: agoInMinutes(this.newsAt, cityNow(), t) });
  }
}

/** Starts the live connection of a page that has one. */
export function startLive(page: Page, news: LiveNews): void {
  const badge = document.querySelector<HTMLElement>("[data-live]");
  if (badge !== null) new Live(badge, page, news).start();
}
