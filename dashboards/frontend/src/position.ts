// Where the phone is. Asked only when somebody taps for it, or when they agreed to it on this site before.
import { part, say } from "./page";

export interface Position {
  readonly lon: number;
  readonly lat: number;
  readonly accuracy_m: number;
}

const WAIT_MS = 20_000;

/** The phone's place; rejects when it is refused, unknown or takes too long. */
export function whereAmI(): Promise<Position> {
  return new Promise((resolve, reject) => {
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        resolve({ lon: coords.longitude, lat: coords.latitude, accuracy_m: coords.accuracy });
      },
      (refused) => {
        reject(new Error(refused.message));
      },
      { enableHighAccuracy: true, timeout: WAIT_MS, maximumAge: 10_000 },
    );
  });
}

/** Whether this site was allowed to ask before, so that asking again disturbs nobody. */
export async function agreedBefore(): Promise<boolean> {
  try {
    return (await navigator.permissions.query({ name: "geolocation" })).state === "granted";
  } catch {
    return false;
  }
}

/** The offer on a scanned plate's page to add the place to the scan. */
export async function startScanPlace(): Promise<void> {
  const box = document.querySelector<HTMLElement>("[data-scan-place]");
  if (box === null || !("geolocation" in navigator)) return;
  const words = part("[role=status]", box);
  const button = part<HTMLButtonElement>("button", box);
  const send = async (): Promise<void> => {
    button.disabled = true;
    say(words, words.dataset.waiting ?? "");
    try {
      const answer = await fetch(box.dataset.scanPlace ?? "", {
        method: "POST",
        headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": box.dataset.csrf ?? "" },
        body: JSON.stringify(await whereAmI()),
      });
      if (!answer.ok) throw new Error(String(answer.status));
      const kept = (await answer.json()) as { flag: string | null };
      say(words, (kept.flag === "far" ? words.dataset.far : words.dataset.kept) ?? "");
      button.hidden = true;
    } catch {
      say(words, words.dataset.denied ?? "");
      button.disabled = false;
    }
  };
  box.hidden = false;
  button.addEventListener("click", () => void send());
  if (await agreedBefore()) await send();
}
