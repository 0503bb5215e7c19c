// The page behind a plate: photos made smaller, words kept, values live. It works without any of this.
import { startDrafts } from "./drafts";
import { part, thisPage } from "./page";
import { startScanPlace } from "./position";
import { startUploads } from "./upload";
import { startValues } from "./values";

/** Offers whole sentences to tap: typing in the rain is slow. */
function startSuggestions(): void {
  for (const box of document.querySelectorAll<HTMLElement>("[data-suggest]")) {
    const field = part<HTMLTextAreaElement>("textarea", box.parentElement ?? document);
    box.hidden = box.children.length === 0;
    box.addEventListener("click", (event) => {
      const words = event.target instanceof HTMLElement ? event.target.dataset.words : undefined;
      if (words === undefined) return;
      field.value = field.value.trim() === "" ? words : `${field.value.trim()} ${words}`;
      field.focus();
    });
  }
}

/** A form that would be lost without a network waits, and says so. */
function startOfflineGuard(offline: string): void {
  for (const form of document.querySelectorAll<HTMLFormElement>("main form:not([data-upload])")) {
    form.addEventListener("submit", (event) => {
      if (navigator.onLine) return;
      event.preventDefault();
      const note = form.querySelector("[data-offline]") ?? document.createElement("p");
      note.setAttribute("data-offline", "");
      note.setAttribute("role", "alert");
      note.className = "message warn";
      note.textContent = offline;
      form.append(note);
    });
  }
}

void startScanPlace();
void thisPage().then((page) => {
  startSuggestions();
  startOfflineGuard(page.t("crew.offline"));
  startDrafts();
  startUploads(page);
  startValues(page);
});
