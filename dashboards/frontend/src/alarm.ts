// A critical alert must be seen by whoever looks at the wall: a toast that stays until somebody closes it, and a sound
// for those who switched it on. Only for what is critical: a bell that rings for everything is switched off for good.
import { fetchJson, Refused, type WrongNow } from "./answers";
import { element, shapeOf } from "./elements";
import type { LiveEvent } from "./live";
import { type Page, part, say } from "./page";
import { type EventLine, lineOf, timeOf } from "./ticker";

const CRITICAL = 3;
const MOST_SHOWN = 4;
/** One bell for all that comes at once, after a line that was lost above all. */
const ONE_BELL_MS = 2_000;
const AGAIN_MS = 15_000;
const KEPT_AS = "covercode.sound";

/**
 * Whether `event` tells that something critical begins. However old it is: the stream goes on after the last event that
 * arrived, so what comes late over it was missed while the line was away.
 */
export function isLoud(event: Pick<LiveEvent, "kind" | "body">): boolean {
  // an opening that a permit allows is no news to anybody
  if (event.body.permit_id !== undefined && event.body.permit_id !== null) return false;
  const begins = event.kind === "alert_fired" || (event.kind === "alert_changed" && event.body.change === "step_up");
  return begins && Number(event.body.severity ?? 0) >= CRITICAL;
}

/** What of the open cases is critical and came up after `sinceMs`, the oldest first. */
export function missedSince(wrong: readonly WrongNow[], sinceMs: number): WrongNow[] {
  const loud = wrong.filter((each) => each.severity >= CRITICAL && Date.parse(each.opened_at) > sinceMs);
  return loud.sort((a, b) => Date.parse(a.opened_at) - Date.parse(b.opened_at));
}

/** Two short tones, made here: there is no file to load, and a wall without a network can still ring. */
function ring(sound: AudioContext): void {
  for (const [after, pitch] of [
    [0, 880],
    [0.25, 660],
  ] as const) {
    const tone = sound.createOscillator();
    const level = sound.createGain();
    const from = sound.currentTime + after;
    tone.frequency.value = pitch;
    level.gain.setValueAtTime(0.0001, from);
    level.gain.exponentialRampToValueAtTime(0.25, from + 0.02);
    level.gain.exponentialRampToValueAtTime(0.0001, from + 0.22);
    tone.connect(level).connect(sound.destination);
    tone.start(from);
    tone.stop(from + 0.24);
  }
}

function remembered(): boolean {
  try {
    return localStorage.getItem(KEPT_AS) === "on";
  } catch {
    return false; // a browser that keeps nothing: the switch works until the page is closed
  }
}

function remember(on: boolean): void {
  try {
    localStorage.setItem(KEPT_AS, on ? "on" : "off");
  } catch {
    // see above
  }
}

export class Alarm {
  private sound: AudioContext | undefined;
  /** a bell waits for the browser to let it ring */
  private waiting = false;
  private rangAt = Number.NEGATIVE_INFINITY;
  private on = remembered();
  /** cases that were told because they were missed */
  private readonly toldOf = new Set<number>();

  constructor(
    private readonly button: HTMLButtonElement,
    private readonly list: HTMLElement,
    private readonly page: Page,
  ) {}

  start(): void {
    this.button.hidden = false;
    this.show();
    this.button.addEventListener("click", () => {
      this.on = !this.on;
      remember(this.on);
      this.show();
      if (this.on) void this.play();
    });
    if (this.on) this.opened();
    // browsers let a page make a sound only after somebody has touched it
    const wake = (): void => {
      if (this.on && this.opened().state !== "running") void this.sound?.resume();
    };
    addEventListener("pointerdown", wake);
    addEventListener("keydown", wake);
  }

  hear(event: LiveEvent): void {
    if (!isLoud(event)) return;
    const line = lineOf(event, this.page.t);
    const alertId = event.body.alert_id;
    this.tell(alertId === undefined || alertId === null ? line : { ...line, href: `/alerts/${alertId}` }, event.at);
  }

  /** More came since `sinceMs` (by the city's clock) than the stream tells again: what is still open of it is told. */
  async missed(sinceMs: number): Promise<void> {
    try {
      const { wrong } = await fetchJson<{ wrong: WrongNow[] }>("/api/v1/wrong-now");
      for (const each of missedSince(wrong, sinceMs)) {
        // the line may have been lost twice before the first answer came
        if (this.toldOf.has(each.case_id)) continue;
        this.toldOf.add(each.case_id);
        const line = { text: this.page.t(`kind.${each.kind}`), where: each.asset_name, href: `/cases/${each.case_id}`, severity: each.severity };
        this.tell(line, each.opened_at);
      }
    } catch (problem) {
      if (problem instanceof Refused && problem.status < 500) return; // nobody is signed in any more
      setTimeout(() => void this.missed(sinceMs), AGAIN_MS);
    }
  }

  private tell(line: EventLine, at: string): void {
    this.toast(line, at);
    if (this.on) void this.play();
  }

  private toast(line: EventLine, at: string): void {
    const { t } = this.page;
    const close = element("button", { type: "button", class: "button quiet" }, t("alarm.close"));
    const open = line.href === undefined ? [] : [element("a", { class: "button", href: line.href }, t("alarm.open"))];
    const words = element("p", {}, element("strong", {}, line.text), " ", line.where, " ", timeOf(at, this.page));
    const toast = element("li", { class: "toast" }, shapeOf(CRITICAL), words, ...open, close);
    close.addEventListener("click", () => {
      toast.remove();
      this.count();
      // whoever closes them by keyboard goes on with the next one
      (this.list.querySelector<HTMLElement>(".toast button") ?? this.button).focus({ preventScroll: true });
    });
    this.list.prepend(toast);
    while (this.toasts().length > MOST_SHOWN) this.toasts().at(-1)?.remove();
    this.count();
  }

  private toasts(): HTMLElement[] {
    return [...this.list.querySelectorAll<HTMLElement>(".toast")];
  }

  /** Where there is room for one toast only (a phone), a line says how many more there are and closes them all. */
  private count(): void {
    this.list.querySelector(".toast-more")?.remove();
    const more = this.toasts().length - 1;
    if (more < 1) return;
    const close = element("button", { type: "button", class: "button quiet" }, this.page.t("alarm.close_all"));
    close.addEventListener("click", () => this.list.replaceChildren());
    this.list.append(element("li", { class: "toast-more" }, this.page.t("alarm.more", { n: more }), close));
  }

  private show(): void {
    this.button.setAttribute("aria-pressed", String(this.on));
    const word = !this.on ? "alarm.sound_off" : this.sound?.state === "running" ? "alarm.sound_on" : "alarm.sound_waits";
    say(part("[data-slot]", this.button), this.page.t(word));
  }

  private opened(): AudioContext {
    if (this.sound === undefined) {
      this.sound = new AudioContext();
      this.sound.addEventListener("statechange", () => this.show());
    }
    return this.sound;
  }

  private async play(): Promise<void> {
    const sound = this.opened();
    if (sound.state !== "running") {
      if (this.waiting) return; // one bell for all that came meanwhile
      this.waiting = true;
      await sound.resume().finally(() => {
        this.waiting = false;
      });
    }
    if (performance.now() - this.rangAt < ONE_BELL_MS) return;
    this.rangAt = performance.now();
    ring(sound);
  }
}
