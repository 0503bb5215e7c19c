// Vehicles, recorders and handsets on the map: small marks that say where they are, below what is wrong.
import type { GeoJSONSource } from "maplibre-gl";
import { fetchJson } from "./answers";
import type { CityMapView } from "./citymap";
import { ontoMap } from "./citymap/shift";
import { colour } from "./theme";

const NAME = "mobile";

interface Places {
  readonly features: readonly {
    readonly type: "Feature";
    readonly geometry: { readonly type: "Point"; readonly coordinates: readonly [number, number] };
    readonly properties: Readonly<Record<string, string>>;
  }[];
}

/** Asks where they are and shows it; a request that fails leaves what is shown, which the next one mends. */
export async function showPlaces(map: CityMapView, address: string): Promise<void> {
  let found: Places;
  try {
    found = await fetchJson<Places>(address);
  } catch {
    return;
  }
  const { canvas } = map;
  if (canvas === undefined) return;
  const features = found.features.map((each) => ({
    type: "Feature" as const,
    properties: { ...each.properties },
    geometry: { type: "Point" as const, coordinates: [...ontoMap([...each.geometry.coordinates], map.crs)] },
  }));
  const data = { type: "FeatureCollection" as const, features };
  const source = canvas.getSource<GeoJSONSource>(NAME);
  if (source !== undefined) {
    source.setData(data);
    return;
  }
  canvas.addSource(NAME, { type: "geojson", data });
  canvas.addLayer({
    id: NAME,
    type: "circle",
    source: NAME,
    paint: {
      "circle-radius": 5,
      "circle-color": colour("notice-fill"),
      "circle-stroke-color": colour("surface"),
      "circle-stroke-width": 2,
    },
  });
}
