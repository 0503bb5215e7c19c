// A critical alert must be seen by whoever looks at the wall: a toast that stays until somebody closes it, and a sound
// for those who switched it on. Only for what is critical: a bell that rings for everything is switched off for good.
import { element, shapeOf } from "./elements";
import type { LiveEvent } from "./live";
import { type Page, part, say } from "./page";
import { lineOf } from "./ticker";

const CRITICAL = 3;
const MOST_SHOWN = 4;
/** What the stream tells again after a reconnect is old news: no bell for it. */
const FRESH_MS = 60_000;
const KEPT_AS = "covercode.sound";

/** Whether `event` tells that something critical begins now. */
export function isLoud(event: Pick<LiveEvent, "kind" | "at" | "body">, now: number): boolean {
  // an opening that a permit allows is no news to anybody
  if (event.body.permit_id !== undefined && event.body.permit_id !== null) return false;
  const begins = event.kind === "alert_fired" || (event.kind === "alert_changed" && event.body.change === "step_up");
  return begins && Number(event.body.severity ?? 0) >= CRITICAL && now - Date.parse(event.at) < FRESH_MS;
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
  private on = remembered();

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

  /** `now`: by the server's clock. */
  hear(event: LiveEvent, now: number): void {
    if (!isLoud(event, now)) return;
    this.toast(event);
    if (this.on) void this.play();
  }

  private toast(event: LiveEvent): void {
    const { t } = this.page;
    const line = lineOf(event, t);
    const close = element("button", { type: "button", class: "button quiet" }, t("alarm.close"));
    const alertId = event.body.alert_id;
    const href = alertId === undefined || alertId === null ? line.href : `/alerts/${alertId}`;
    const open = href === undefined ? [] : [element("a", { class: "button", href }, t("alarm.open"))];
    const words = element("p", {}, element("strong", {}, line.text), " ", line.where);
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
    ring(sound);
  }
}
