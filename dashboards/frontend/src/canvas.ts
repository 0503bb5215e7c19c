// An empty map of ours: no outside address, no turning, two fingers on a phone. What is drawn on it is its owner's affair.
import { Map as Canvas, NavigationControl, ScaleControl, setWorkerUrl, type StyleSpecification } from "maplibre-gl";
import workerUrl from "virtual:maplibre-worker";
import "maplibre-gl/dist/maplibre-gl.css";
import type { Page } from "./page";

/** Where a map looks before it knows what it shows. */
export interface Outlook {
  readonly center: [number, number];
  readonly zoom: number;
}

/** Opens a map in `box`, whose `data-tiles` names the tile server, if the city has one. */
export function openCanvas(box: HTMLElement, page: Page, style: StyleSpecification, outlook: Outlook): Canvas {
  const { t } = page;
  setWorkerUrl(workerUrl);
  const canvas = new Canvas({
    container: box,
    style,
    ...outlook,
    maxZoom: 20,
    attributionControl: box.dataset.tiles ? { compact: true } : false,
    dragRotate: false,
    pitchWithRotate: false,
    cooperativeGestures: matchMedia("(pointer: coarse)").matches,
    fadeDuration: 0,
    locale: {
      "NavigationControl.ZoomIn": t("map.zoom_in"),
      "NavigationControl.ZoomOut": t("map.zoom_out"),
      "CooperativeGesturesHandler.WindowsHelpText": t("map.two_fingers"),
      "CooperativeGesturesHandler.MacHelpText": t("map.two_fingers"),
      "CooperativeGesturesHandler.MobileHelpText": t("map.two_fingers"),
      "Map.Title": t("map.title"),
      "Popup.Close": t("map.close"),
    },
  });
  canvas.touchZoomRotate.disableRotation();
  canvas.keyboard.disableRotation();
  canvas.addControl(new NavigationControl({ showCompass: false }), "top-right");
  canvas.addControl(new ScaleControl({ maxWidth: 96 }), "bottom-left");
  return canvas;
}
