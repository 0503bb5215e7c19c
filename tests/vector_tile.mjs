// Reads vector tiles with the map library's own decoder: a JSON list of them in base64 in, what is in each out.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// the packages are the front end's: looked for from the folder that this is started in
const need = createRequire(`${process.cwd()}/x.js`);
const of = (name) => import(pathToFileURL(need.resolve(name)).href);
const [{ VectorTile }, { PbfReader }] = await Promise.all([of("@mapbox/vector-tile"), of("pbf")]);

function read(base64) {
  const told = {};
  for (const [name, layer] of Object.entries(new VectorTile(new PbfReader(Buffer.from(base64, "base64"))).layers)) {
    told[name] = Array.from({ length: layer.length }, (_, index) => {
      const feature = layer.feature(index);
      const rings = feature.loadGeometry();
      return { id: feature.id, type: feature.type, properties: feature.properties, x: rings[0][0].x, y: rings[0][0].y, rings };
    });
  }
  return told;
}

process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0)).map(read)));
