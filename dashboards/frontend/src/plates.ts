// Binding a plate beside the thing it belongs to, and the form of a print run. Both work without this.
import { part, say } from "./page";
import { whereAmI } from "./position";

function startLocate(): void {
  const form = document.querySelector<HTMLFormElement>("[data-locate]");
  if (form === null || !("geolocation" in navigator)) return;
  form.hidden = false;
  const words = part("[data-locate-words]", form);
  form.addEventListener("submit", (event) => {
    const lon = part<HTMLInputElement>("[name=lon]", form);
    const lat = part<HTMLInputElement>("[name=lat]", form);
    if (lon.value !== "") return;
    event.preventDefault();
    say(words, words.dataset.waiting ?? "");
    whereAmI().then(
      (place) => {
        lon.value = String(place.lon);
        lat.value = String(place.lat);
        form.submit();
      },
      () => {
        say(words, words.dataset.denied ?? "");
      },
    );
  });
}

/** Shows only the fields that the choices made so far ask for, and keeps the picture of the first label true. */
function startPrintForm(): void {
  const form = document.querySelector<HTMLFormElement>("[data-print-form]");
  if (form === null) return;
  const picture = part<HTMLImageElement>("[data-preview-picture]", form);
  const chosen = (): string[] => {
    const data = new FormData(form);
    return [data.get("kind"), data.get("format")].map(String);
  };
  const follow = (): void => {
    const now = chosen();
    for (const box of form.querySelectorAll<HTMLElement>("[data-only]")) {
      box.hidden = !(box.dataset.only ?? "").split(" ").some((word) => now.includes(word));
    }
  };
  const draw = (): void => {
    const fields = new URLSearchParams();
    for (const [name, value] of new FormData(form)) {
      if (typeof value === "string" && value !== "" && name !== "csrf_token" && name !== "name") fields.append(name, value);
    }
    picture.src = `${form.dataset.preview ?? ""}?${fields.toString()}`;
  };
  picture.addEventListener("load", () => {
    picture.hidden = false;
  });
  picture.addEventListener("error", () => {
    picture.hidden = true;
  });
  form.addEventListener("change", () => {
    follow();
    draw();
  });
  follow();
  draw();
}

startLocate();
startPrintForm();
