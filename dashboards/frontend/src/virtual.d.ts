// What build_plugins.ts makes while building.
declare module "virtual:words/*" {
  const words: Readonly<Record<string, string>>;
  export default words;
}

// What maplibre_source.ts makes: the address of the script that the map's worker runs.
declare module "virtual:maplibre-worker" {
  const address: string;
  export default address;
}
