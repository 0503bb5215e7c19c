// Pictures: taken with the phone's camera app, made smaller, kept as bytes until they have been sent.
import { shrink } from "../shrink";
import type { Store } from "./kept";
import type { PictureOf } from "./shapes";

export async function keepPicture(store: Store, file: File, kind: PictureOf["kind"], taken: Date): Promise<PictureOf> {
  const small = await shrink(file);
  const id = crypto.randomUUID();
  await store.put("pictures", { id, bytes: await small.arrayBuffer(), type: small.type });
  return { id, kind, taken_at: taken.toISOString() };
}

/** The address of a kept picture for an <img>; whoever shows it gives it back. */
export async function addressOf(store: Store, id: string): Promise<string | undefined> {
  const kept = await store.get("pictures", id);
  return kept === undefined ? undefined : URL.createObjectURL(new Blob([kept.bytes], { type: kept.type }));
}
