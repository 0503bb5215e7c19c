// MapLibre's map as ours are: flat, without its own controls, in the page's words.
import { addProtocol, type LngLatBounds, Map as Canvas, type PaddingOptions, ScaleControl, setWorkerUrl, type StyleSpecification } from "maplibre-gl";
import workerUrl from "virtual:maplibre-worker";
import type { Position } from "../geometry";
import type { Translate } from "../words";
import { readShifted, SHIFTED_WAYS } from "./grounds";
import { drawNamed, PIXELS } from "./icons";
import { shapesIn } from "./shift";

/** A phone's three pixels for one cost it battery and show nothing more. */
const MOST_PIXELS = 2;

export interface CanvasOptions {
  readonly style: StyleSpecification;
  /** whether people may move it */
  readonly interactive: boolean;
  /** whether two fingers move it, so that one still scrolls the page around it */
  readonly embedded: boolean;
  /** where it looks at first, in its own coordinates: a place, or what must be fitted into the room that is left */
  readonly look: { readonly center: Position; readonly zoom: number } | { readonly bounds: LngLatBounds; readonly padding: PaddingOptions };
}

for (const way of SHIFTED_WAYS) addProtocol(way, shiftedShapes);

/** GeoJSON of another server, where a map in another system has it. */
async function shiftedShapes({ url }: { readonly url: string }, asking: AbortController): Promise<{ data: object }> {
  const { address, from, to } = readShifted(url);
  const answer = await fetch(address, { signal: asking.signal });
  if (!answer.ok) throw new Error(`${address} answered ${answer.status}`);
  return { data: shapesIn(await answer.json(), from, to) as object };
}

/** Throws where the browser can't draw it. */
export function openCanvas(box: HTMLElement, { style, interactive, embedded, look }: CanvasOptions, t: Translate): Canvas {
  setWorkerUrl(workerUrl);
  const canvas = new Canvas({
    container: box,
    style,
    ...("center" in look ? look : { bounds: look.bounds, fitBoundsOptions: { padding: look.padding, maxZoom: 17 } }),
    interactive,
    pixelRatio: Math.min(devicePixelRatio, MOST_PIXELS),
    maxZoom: 20,
    minZoom: 2,
    validateStyle: false, // made here, looked at by tests; checking it again takes the page 20 ms
    attributionControl: false,
    dragRotate: false,
    pitchWithRotate: false,
    touchPitch: false,
    renderWorldCopies: false,
    cooperativeGestures: interactive && embedded && matchMedia("(pointer: coarse)").matches,
    fadeDuration: 0,
    refreshExpiredTiles: false,
    locale: {
      "CooperativeGesturesHandler.WindowsHelpText": t("map.two_fingers"),
      "CooperativeGesturesHandler.MacHelpText": t("map.two_fingers"),
      "CooperativeGesturesHandler.MobileHelpText": t("map.two_fingers"),
      "Map.Title": t("map.title"),
    },
  });
  canvas.touchZoomRotate.disableRotation();
  canvas.keyboard.disableRotation();
  canvas.addControl(new ScaleControl({ maxWidth: 96 }), "bottom-left");
  canvas.setMissingStyleImageResolver((name) => {
    const drawn = drawNamed(name);
    if (drawn !== undefined && !canvas.hasImage(name)) canvas.addImage(name, drawn, { pixelRatio: PIXELS });
  });
  return canvas;
}
