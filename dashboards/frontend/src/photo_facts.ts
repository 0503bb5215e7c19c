// When and where a photo was taken: kept with the form before the picture is made smaller and loses what it knew.
import { part } from "./page";

export function startPhotoFacts(): void {
  const form = document.querySelector<HTMLFormElement>("form[data-photo-facts]");
  if (form === null) return;
  const field = (name: string): HTMLInputElement => part<HTMLInputElement>(`input[name=${name}]`, form);
  // before the upload's own listener puts smaller files there
  part<HTMLInputElement>("input[type=file]", form).addEventListener(
    "change",
    (event) => {
      const first = event.target instanceof HTMLInputElement ? event.target.files?.[0] : undefined;
      field("taken_at").value = first === undefined ? "" : new Date(first.lastModified).toISOString();
    },
    { capture: true },
  );
  const tick = part<HTMLInputElement>("[data-with-place]", form);
  tick.disabled = !("geolocation" in navigator);
  tick.addEventListener("change", () => {
    field("lon").value = field("lat").value = "";
    if (!tick.checked) return;
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        if (!tick.checked) return; // they changed their mind while the phone was looking
        field("lon").value = String(coords.longitude);
        field("lat").value = String(coords.latitude);
      },
      () => {
        tick.checked = false;
      },
      { enableHighAccuracy: true, timeout: 20_000 },
    );
  });
}
