// Pictures: taken with the phone's camera app, made smaller, kept as bytes until they have been sent.
import { element } from "../elements";
import { shrink } from "../shrink";
import type { Store } from "./kept";
import type { Picture, PictureOf } from "./shapes";

/** A photo made smaller: as it will be kept, and as a form names it. */
export async function madeSmaller(file: File, kind: PictureOf["kind"], taken: Date): Promise<readonly [Picture, PictureOf]> {
  const small = await shrink(file);
  const id = crypto.randomUUID();
  return [{ id, bytes: await small.arrayBuffer(), type: small.type }, { id, kind, taken_at: taken.toISOString() }];
}

/** A kept picture to look at; its bytes are given back once it is drawn. */
export async function thumb(store: Store, id: string, words: string): Promise<HTMLImageElement | undefined> {
  const kept = await store.get("pictures", id);
  if (kept === undefined) return undefined;
  const src = URL.createObjectURL(new Blob([kept.bytes], { type: kept.type }));
  const shown = element("img", { src, alt: words });
  for (const end of ["load", "error"]) shown.addEventListener(end, () => URL.revokeObjectURL(src));
  return shown;
}
