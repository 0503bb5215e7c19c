// The link test: asks again every few seconds until it is green. Only the card of the test is exchanged, so that a form
// somebody is filling in stays as it is.
import { part, say, thisPage } from "./page";
import { refreshTimes } from "./times";

const EVERY_MS = 3_000;

async function lookAgain(): Promise<boolean> {
  const answer = await fetch(location.pathname.replace(/\/(swap|remove)$/, ""), { headers: { Accept: "text/html" } });
  if (!answer.ok) return false;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-link-test]");
  if (fresh === null) return false;
  part("[data-link-test]").replaceWith(document.importNode(fresh, true));
  return true;
}

void thisPage().then((page) => {
  for (const only of document.querySelectorAll<HTMLElement>(".no-script-only")) only.hidden = true;
  const watch = async (): Promise<void> => {
    if (part("[data-link-test]").dataset.state === "green") return;
    let heard = document.hidden;
    if (!document.hidden) heard = await lookAgain().catch(() => false);
    const words = document.querySelector("[data-link-words]");
    const green = part("[data-link-test]").dataset.state === "green";
    if (words !== null) say(words, green ? "" : page.t(heard ? "device.refreshing" : "device.stopped"));
    refreshTimes(page);
    setTimeout(() => void watch(), EVERY_MS);
  };
  setTimeout(() => void watch(), EVERY_MS);
});
