// What stands around the screens: the bar and its menu, the worker that keeps the app, what is asked of the browser.
// words: nav.other_language app.whole_site app.install app.new_version app.reload app.back app.menu app.tabs app.tasks app.scan app.drafts app.waiting nav.login
import { part, say, type Page } from "../page";
import { asTheme, nextTheme } from "../theme";
import { readsByItself } from "./camera";
import type { App } from "./main";
import { button, icon, link, make, message } from "./ui";

export const HOME = "#/tasks";
const LANGUAGE = "covercode.language";

/** The language that was chosen on this phone; undefined where none was, or the browser keeps nothing. */
export function ownLanguage(): string | undefined {
  try {
    return localStorage.getItem(LANGUAGE) ?? undefined;
  } catch {
    return undefined;
  }
}

let askedToLast = false;

/** Asks the browser not to clear what is kept here when it wants room; some ask the person, so only once there is something. */
export async function askToLast(): Promise<void> {
  if (askedToLast) return;
  askedToLast = true;
  try {
    if (!(await navigator.storage.persisted())) await navigator.storage.persist();
  } catch {
    // it keeps what it likes; what waits says so
  }
}

/** Where the browser can: it sends by itself when a signal is back, also with the app closed. */
export async function askToSync(): Promise<void> {
  try {
    const ready = (await navigator.serviceWorker.ready) as ServiceWorkerRegistration & { sync?: { register(tag: string): Promise<void> } };
    await ready.sync?.register("acts");
  } catch {
    // the open app sends
  }
}

/** Keeps the shell, tells of a new version, and changes to it only when the person says so: what they type is theirs. */
export async function startWorker(app: App): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  let had = navigator.serviceWorker.controller !== null;
  const kept = await navigator.serviceWorker.register("/app/sw.js", { scope: "/app", updateViaCache: "none" });
  const offer = (): void => {
    const waiting = kept.waiting;
    if (waiting === null || navigator.serviceWorker.controller === null) return;
    const banner = part("[data-update]");
    banner.hidden = false;
    part("button", banner).onclick = () => waiting.postMessage({ say: "take over" });
  };
  offer();
  const attend = (): void => kept.installing?.addEventListener("statechange", offer);
  attend(); // it may have been found before anybody listened
  kept.addEventListener("updatefound", attend);
  navigator.serviceWorker.addEventListener("controllerchange", () => {
    if (had) location.reload();
    had = true; // the first one only takes the page that it was started by
  });
  navigator.serviceWorker.addEventListener("message", (event: MessageEvent<{ say?: string }>) => {
    if (event.data.say === "acts changed") void app.changedElsewhere();
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) void kept.update().then(offer, () => undefined);
  });
  if (!(await readsByItself())) (await navigator.serviceWorker.ready).active?.postMessage({ say: "keep the reader" });
}

export function startChoices(page: Page): void {
  const root = document.documentElement;
  const theme = part<HTMLButtonElement>("[data-theme]", document.body);
  const show = (): void => say(part("span", theme), page.t(`nav.theme_${asTheme(root.dataset.theme)}`));
  show();
  theme.addEventListener("click", () => {
    const next = nextTheme(asTheme(root.dataset.theme));
    root.dataset.theme = next;
    document.cookie = `theme=${next}; path=/; max-age=31536000; samesite=lax`;
    show();
  });
  part("[data-language]").addEventListener("click", () => {
    localStorage.setItem(LANGUAGE, page.language === "zh" ? "en" : "zh");
    location.reload();
  });
  part("[data-back]").addEventListener("click", () => {
    if (history.length > 1) history.back();
    else location.hash = HOME;
  });
}

/** Offers to install the app where the browser lets a page ask; elsewhere its own menu does. */
export function offerInstalling(): void {
  const offer = part<HTMLButtonElement>("[data-install]");
  addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault();
    offer.hidden = false;
    offer.onclick = () => void (event as Event & { prompt(): Promise<unknown> }).prompt();
  });
  addEventListener("appinstalled", () => {
    offer.hidden = true;
  });
}

/** The shell is kept in one language; which one its words are in is this phone's choice. */
export function wordShell(page: Page): void {
  for (const place of document.querySelectorAll<HTMLElement>("[data-words]")) say(place, page.t(place.dataset.words ?? ""));
  for (const place of document.querySelectorAll<HTMLElement>("[data-label]")) place.setAttribute("aria-label", page.t(place.dataset.label ?? ""));
}

/** A browser that keeps nothing (a private window, a full phone) can't carry anybody's work, and must not look as if it did. */
export function keepsNothing({ t }: Page): void {
  const again = button(t("app.try_again"), () => location.reload(), "primary big", "broken");
  part("main").replaceChildren(message(3, make("strong", {}, t("app.keeps_nothing")), make("p", {}, t("app.keeps_nothing_text"))), again, link("/tasks", "button big", t("app.whole_site")));
  part(".tabs").hidden = true;
  const mark = part("[data-waiting]");
  mark.className = "flag flag-bad";
  part("i", mark).replaceChildren(icon("alerts"));
  say(part("span", mark), t("app.badge_full"));
}
