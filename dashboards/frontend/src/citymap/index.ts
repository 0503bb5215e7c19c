// The map component's door: open it in a box, tell it what happens, close it. MapLibre comes with it, so import it late.
import { element } from "../elements";
import type { Page } from "../page";
import "../styles/citymap.css";
import { CityMap, type CityMapOptions } from "./view";

export { CardPopup, Tip } from "./card";
export type { CityMapOptions } from "./view";
export { MobileLayer } from "./mobile_layer";
export type { InView } from "./inview";
export type { ShownAsset } from "./things";

/** A map in a box; it may be told what happens before it has loaded. */
export type CityMapView = CityMap;

export function openCityMap(box: HTMLElement, page: Page, options: CityMapOptions): CityMapView {
  box.classList.add("citymap");
  return new CityMap(box, page, options);
}

/** Buttons for a map inside another page: nearer, farther, and to the map's own page. */
export function addZoom(box: HTMLElement, page: Page, map: CityMapView, wholeMap = ""): void {
  const { t } = page;
  const made = (sign: string, words: string, by: number): HTMLElement => {
    const button = element("button", { type: "button", "aria-label": words, title: words }, sign);
    button.addEventListener("click", () => map.canvas?.easeTo({ zoom: map.canvas.getZoom() + by, duration: 200 }));
    return button;
  };
  const group = element("div", { class: "map-zoom" }, made("+", t("map.zoom_in"), 1), made("−", t("map.zoom_out"), -1));
  if (wholeMap !== "") group.append(element("a", { href: wholeMap, "aria-label": t("map.whole"), title: t("map.whole") }, "⤢"));
  box.append(group);
}
