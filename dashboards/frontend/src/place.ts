// Where a thing stands: the phone's own position, or a click on a map. The fields can always be typed instead.
import { offMap } from "./citymap/shift";
import type { Picker } from "./picker";
import { type Page, part, say, thisPage } from "./page";

const DECIMALS = 7; // a centimetre

function put(lon: number, lat: number): void {
  part<HTMLInputElement>("input[name=lon]").value = lon.toFixed(DECIMALS);
  part<HTMLInputElement>("input[name=lat]").value = lat.toFixed(DECIMALS);
  part<HTMLSelectElement>("select[name=crs]").value = "wgs84"; // what phones and our map speak
}

function grade(metres: number): string {
  if (metres <= 0.5) return "A";
  if (metres <= 1) return "B";
  return metres <= 10 ? "C" : "";
}

function startHere(page: Page, words: Element): void {
  const button = part<HTMLButtonElement>("[data-here]");
  if (!("geolocation" in navigator)) return;
  button.hidden = false;
  button.addEventListener("click", () => {
    say(words, page.t("place.asking"));
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        put(coords.longitude, coords.latitude);
        part<HTMLSelectElement>("select[name=accuracy]").value = grade(coords.accuracy);
        say(words, page.t("place.got", { metres: Math.max(1, Math.round(coords.accuracy)) }));
      },
      () => say(words, page.t("place.refused")),
      { enableHighAccuracy: true, timeout: 20_000, maximumAge: 0 },
    );
  });
}

function startPick(page: Page, words: Element, field: HTMLElement): void {
  const button = part<HTMLButtonElement>("[data-pick]");
  const box = part<HTMLElement>("[data-canvas]", field);
  let picker: Promise<Picker> | undefined;
  button.hidden = false;
  button.setAttribute("aria-expanded", "false");
  button.addEventListener("click", () => {
    box.hidden = !box.hidden;
    button.setAttribute("aria-expanded", String(!box.hidden));
    say(words, box.hidden ? "" : page.t("place.click"));
    if (box.hidden || picker !== undefined) return;
    picker = import("./picker").then(({ Picker: Drawn }) => {
      const lon = Number(part<HTMLInputElement>("input[name=lon]").value);
      const lat = Number(part<HTMLInputElement>("input[name=lat]").value);
      const drawn = new Drawn(box, page, field.dataset.map ?? "", (west, south) => {
        put(west, south);
        say(words, page.t("place.picked"));
      });
      const { value: crs } = part<HTMLSelectElement>("select[name=crs]");
      // of BD-09 only the server knows where it lies
      if ((lon !== 0 || lat !== 0) && crs !== "bd09") drawn.show(...offMap([lon, lat], crs === "gcj02" ? crs : "wgs84"));
      else void drawn.showCity();
      return drawn;
    });
  });
}

void thisPage().then((page) => {
  const field = document.querySelector<HTMLElement>("[data-place]");
  if (field === null) return;
  const words = part("[data-place-words]", field);
  startHere(page, words);
  startPick(page, words, field);
});
