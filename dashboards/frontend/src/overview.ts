// The overview stays true by itself: the stream says that something happened, then the figures are fetched again.
import { Alarm } from "./alarm";
import { fetchJson, type Figures, type Overview, within, type WrongNow } from "./answers";
import { addressesOf, BY_ZOOM, leadsOf } from "./citymap/facts";
import { cityNow } from "./clock";
import { startLive } from "./live";
import type { CityMapView } from "./citymap";
import { type Page, part, say, thisPage } from "./page";
import { settled } from "./settled";
import { addLine } from "./ticker";
import { WrongList } from "./wrong";

const SETTLE_MS = 250;
const REST_MS = 2_000;
/** Live values in the list change without an event. */
const VALUES_EVERY_MS = 5_000;

const OF: Readonly<Record<string, keyof Overview>> = { devices_silent: "devices", cabinets_online: "cabinets" };

function showCounters(overview: Overview): void {
  for (const counter of document.querySelectorAll<HTMLElement>("[data-counter]")) {
    const name = counter.dataset.counter as keyof Overview;
    say(part('[data-slot="number"]', counter), String(overview[name]));
    // the others count what is wrong; of cabinets it is wrong when some are lacking
    const lacking = name === "cabinets_online" && overview.cabinets_online < overview.cabinets;
    if (name === "cabinets_online") counter.dataset.tone = lacking ? "alarm" : "";
    counter.toggleAttribute("data-some", overview[name] > 0 || lacking);
    const whole = OF[name];
    if (whole !== undefined) say(part('[data-slot="of"]', counter), `/ ${overview[whole]}`);
  }
}

/** There is more than what is listed. */
function showMore(): void {
  const open = Number(part('[data-counter="cases_open"] [data-slot="number"]').textContent);
  part("[data-more]").hidden = open <= document.querySelectorAll("[data-wrong-list] .wrong").length;
}

/** Shows figures as they come, but none that were counted before those that are shown already. */
function figuresShown(page: Page, list: WrongList): (figures: Figures) => void {
  let newest = 0;
  return ({ overview, feed_id: feedId }) => {
    const overtaken = feedId < newest;
    newest = feedId;
    if (overtaken) return;
    const now = cityNow();
    showCounters(overview);
    list.showCalm();
    showMore();
    say(part("[data-fresh]"), page.t("overview.as_of", { clock: page.clock(now) }));
    part<HTMLTimeElement>("[data-fresh-ago]").dateTime = new Date(now).toISOString();
  };
}

/** The server writes the lines of groups; here they only take the place of the old ones. */
async function showGroups(box: HTMLElement): Promise<void> {
  const answer = await fetch(box.dataset.groups ?? "", { headers: { Accept: "text/plain" }, signal: within(15_000) });
  if (!answer.ok) return;
  const held = box.querySelector("a:focus")?.getAttribute("href");
  box.replaceChildren(document.createRange().createContextualFragment(await answer.text()));
  // whoever goes through them by keyboard stays where they are
  Array.from(box.querySelectorAll("a")).find((lead) => lead.getAttribute("href") === held)?.focus({ preventScroll: true });
}

async function start(page: Page): Promise<void> {
  const ticker = part("[data-ticker]");
  let map: CityMapView | undefined;
  const list = new WrongList(page, (assetId) => map?.glance(assetId));
  const onFigures = figuresShown(page, list);
  let changed = false;
  const load = settled(async () => {
    const whole = changed;
    changed = false;
    const wrong = fetchJson<{ wrong: WrongNow[] }>("/api/v1/wrong-now");
    try {
      if (whole) {
        const [figures] = await Promise.all([fetchJson<Figures>("/api/v1/overview"), wrong, showGroups(part("[data-groups]"))]);
        onFigures(figures);
      }
      list.show((await wrong).wrong);
    } catch (problem) {
      changed ||= whole; // asked for again before long
      throw problem;
    }
    showMore();
  }, SETTLE_MS, REST_MS);
  const refresh = (): void => {
    changed = true;
    load();
  };
  const alarm = new Alarm(part<HTMLButtonElement>("[data-sound]"), part("[data-toasts]"), page);
  alarm.start();
  startLive(page, {
    onEvent: (event) => {
      alarm.hear(event);
      addLine(ticker, event, page);
      refresh();
      map?.follow(event);
    },
    onResync: () => {
      refresh();
      map?.refresh();
    },
    onMissed: (since) => void alarm.missed(since),
    onFigures,
    rings: true,
  });
  setInterval(() => {
    if (!document.hidden && (changed || list.measures)) load();
  }, VALUES_EVERY_MS);
  // The list is live before the map's megabyte has arrived.
  const { addZoom, CardPopup, openCityMap } = await import("./citymap");
  const box = part("[data-map]");
  const opened = openCityMap(box, page, {
    ...addressesOf(box),
    interactive: true,
    embedded: true,
    areas: BY_ZOOM,
    onAsset: (asset) => list.point(asset?.id),
    onPick: (asset) => card.show(asset),
  });
  const card = new CardPopup(box, opened, page, leadsOf(box));
  map = opened;
  addZoom(box, page, opened, box.dataset.whole);
}

if (document.querySelector("[data-map]") !== null) void thisPage().then(start);
