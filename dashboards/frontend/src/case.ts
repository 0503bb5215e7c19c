// Case pages and the lists: photos, and a note when something changed meanwhile.
import { startLive } from "./live";
import { lookForNews, showFreshNote } from "./news";
import { thisPage } from "./page";
import { startUploads } from "./upload";

void thisPage().then((page) => {
  startUploads(page);
  const only = document.body.dataset.case;
  startLive(page, {
    onEvent: (event) => {
      if (event.kind.startsWith("cabinet_")) return;
      if (only === undefined || event.body.case_id === Number(only)) showFreshNote(event);
    },
    onMissed: () => void lookForNews().catch(() => undefined), // the badge tells that nobody answers
  });
});
