// What the choices on the import pages mean, apart from the page: pure.
const PLACES = ["lon", "lat", "place"] as const;

/** The address that answers the file's places as the form would have them read. */
export function placesAddress(base: string, form: FormData): string {
  const asked = new URLSearchParams({ crs: String(form.get("crs") ?? "") });
  if (form.has("swapped")) asked.set("swapped", "1");
  for (const [name, target] of form) {
    const which = PLACES.find((each) => each === target);
    if (which !== undefined && name.startsWith("column-")) asked.set(which, name.slice("column-".length));
  }
  return `${base}?${asked}`;
}

/** Targets that more than one column has; text columns that are joined don't count. */
export function takenTwice(targets: readonly string[]): Set<string> {
  const joined = new Set(["", "details", "road", "address", "name", "size"]);
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const target of targets) {
    if (joined.has(target)) continue;
    if (seen.has(target)) twice.add(target);
    seen.add(target);
  }
  return twice;
}

/** What a key does on the page of duplicates; undefined: nothing of ours. */
export function keyMeans(key: string): "next" | "back" | "merge" | "keep" | "open" | undefined {
  const meanings = { j: "next", k: "back", m: "merge", b: "keep", l: "open" } as const;
  return Object.hasOwn(meanings, key) ? meanings[key as keyof typeof meanings] : undefined;
}
