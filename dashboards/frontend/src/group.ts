// A group of alerts: where its members are, and a note when something changed meanwhile.
import { startLive } from "./live";
import { lookForNews, showFreshNote } from "./news";
import { thisPage } from "./page";

void thisPage().then(async (page) => {
  startLive(page, {
    onEvent: (event) => {
      if (event.kind.startsWith("alert_") || event.kind.startsWith("group_")) showFreshNote(event);
    },
    onMissed: () => void lookForNews().catch(() => undefined), // the badge tells that nobody answers
  });
  const box = document.querySelector<HTMLElement>("[data-dot-map]");
  if (box === null) return;
  const { DotMap } = await import("./dotmap"); // the megabyte comes after the page
  await new DotMap(box, page).show(box.dataset.source ?? "");
});
