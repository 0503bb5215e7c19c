// Light, dark, or as the device says. The choice is a cookie so that the server renders it at once, without a flash.

export type Theme = "auto" | "light" | "dark";

const ORDER: readonly Theme[] = ["auto", "light", "dark"];

export function nextTheme(now: Theme): Theme {
  return ORDER[(ORDER.indexOf(now) + 1) % ORDER.length] ?? "auto";
}

export function asTheme(text: string | undefined): Theme {
  return text === "light" || text === "dark" ? text : "auto";
}

/** Tells parts that paint by themselves (chart, map) to look at the colours again. */
export const THEME_CHANGED = "covercode:theme";

export function startTheme(): void {
  const root = document.documentElement;
  const button = document.querySelector<HTMLButtonElement>("[data-theme-switch]");
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => dispatchEvent(new Event(THEME_CHANGED)));
  if (button === null) return;
  const label = button.querySelector(".label");
  const show = (theme: Theme): void => {
    const text = button.dataset[theme] ?? "";
    button.title = text;
    button.setAttribute("aria-label", text);
    if (label !== null) label.textContent = text;
  };
  show(asTheme(root.dataset.theme));
  button.hidden = false;
  button.addEventListener("click", () => {
    const theme = nextTheme(asTheme(root.dataset.theme));
    root.dataset.theme = theme;
    document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=lax`;
    show(theme);
    dispatchEvent(new Event(THEME_CHANGED));
  });
}

/** Colours as they are in this theme: a map asks for sixty, and each question lays the page out anew. */
const known = new Map<string, string>();
// Listeners of the window are told in the order in which they came, capture or not: this one comes before those of all who
// import from here and then paint anew. Tests of pure parts have no window.
if (typeof addEventListener === "function") addEventListener(THEME_CHANGED, () => known.clear());

/** A colour of the design by its name, as the browser computes it now (for canvas and map). */
export function colour(name: string): string {
  const found = known.get(name) ?? computed(name);
  known.set(name, found);
  return found;
}

/** Whether the page is dark now, by choice or as the device says. */
export function isNight(): boolean {
  const red = /^rgb\((\d+)/.exec(colour("ground"))?.[1];
  return Number(red ?? 255) < 80;
}

function computed(name: string): string {
  const probe = document.createElement("span");
  probe.hidden = true;
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}
