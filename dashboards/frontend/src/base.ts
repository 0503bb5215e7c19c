// Runs on every page: styles, theme switch, times that stay true while the page is open. Pages work without it.
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/layout.css";
import "./styles/nav.css";
import "./styles/components.css";
import "./styles/pages.css";
import "./styles/phone_pages.css";
import "./styles/forms.css";
import "./styles/drop.css";
import "./styles/lists.css";
import "./styles/progress.css";
import "./styles/flow.css";
import "./styles/asset.css";
import "./styles/imports.css";
import "./styles/areas.css";
import "./styles/designer.css";
import "./styles/people.css";
import "./styles/rules.css";
import "./styles/notices.css";
import "./styles/permits.css";
import "./styles/alerts.css";
import "./styles/campaigns.css";
import "./styles/map_lists.css";
import "./styles/calendar.css";
import "./styles/follow.css";
import { startChoosing } from "./choosing";
import { startDrops } from "./files";
import { startProgress } from "./progress";
import { startTheme } from "./theme";
import { startTimes } from "./times";
import { thisPage } from "./page";

startTheme();

// Where the tabs are wider than a phone the one that is open may lie outside.
for (const open of document.querySelectorAll<HTMLElement>(".tabs [aria-current]")) {
  const tabs = open.parentElement;
  if (tabs === null) continue;
  // and lies elsewhere once the device is turned
  new ResizeObserver(() => {
    tabs.scrollLeft = open.offsetLeft - tabs.offsetLeft - (tabs.clientWidth - open.offsetWidth) / 2;
  }).observe(tabs);
}
void thisPage().then((page) => {
  startTimes(page);
  startProgress(page);
  startDrops(page);
  startChoosing(page);
});

// An open menu closes when people turn elsewhere.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll<HTMLDetailsElement>("details.menu[open]")) {
    if (event.target instanceof Node && !menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll<HTMLDetailsElement>("details.menu[open]")) {
    if (menu.contains(document.activeElement)) menu.querySelector("summary")?.focus();
    menu.open = false;
  }
});

// A form is sent once: a second tap with a wet glove must not be a second case.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || event.defaultPrevented || form.method !== "post") return;
  if (form.dataset.sending !== undefined) {
    event.preventDefault();
    return;
  }
  form.dataset.sending = "";
  for (const button of form.querySelectorAll("button")) button.setAttribute("aria-disabled", "true");
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll<HTMLFormElement>("form[data-sending]")) {
    delete form.dataset.sending;
    for (const button of form.querySelectorAll("button")) button.removeAttribute("aria-disabled");
  }
});

// Filters act as soon as a choice is made; the button stays for keyboards and for pages without scripts.
for (const select of document.querySelectorAll<HTMLSelectElement>("form[data-act-on-change] select")) {
  select.addEventListener("change", () => select.form?.requestSubmit());
}
for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-unfold]")) {
  button.addEventListener("click", () => {
    button.setAttribute("aria-expanded", String(button.form?.toggleAttribute("data-unfolded") === true));
  });
}
for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}
