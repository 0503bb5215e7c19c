// Plates whose asset the phone does not carry: what is written about one waits as a draft until the city says what it is.
import { within } from "../answers";
import { assetNamed, inOneStep } from "./kept";
import type { State } from "./state";

const ASK_MS = 8_000;

interface Named {
  readonly id: number;
  readonly name: string;
}

/** The asset that a plate leads to; undefined where nobody can tell now, or the city knows none. */
export async function assetOfPlate(state: State, token: string): Promise<Named | undefined> {
  const carried = await assetNamed(state.store, token);
  if (carried !== undefined) return carried;
  try {
    const answer = await fetch(`/api/v1/assets/lookup?text=${token}`, { cache: "no-store", headers: { Accept: "application/json" }, signal: within(ASK_MS) });
    if (!answer.ok) return undefined;
    const { items } = (await answer.json()) as { items: { asset_id: number; name: string; matched: string }[] };
    const found = items.find((one) => one.matched === token);
    return found === undefined ? undefined : { id: found.asset_id, name: found.name };
  } catch {
    return undefined;
  }
}

/** Names the assets of drafts that were begun at a plate without a signal. */
export async function namePlates(state: State): Promise<void> {
  for (const draft of state.drafts) {
    const { token, asset_id } = draft.subject;
    if (token === undefined || asset_id !== undefined || !state.mine(draft)) continue;
    const found = await assetOfPlate(state, token);
    if (found !== undefined) await state.keeping(() => nameDraft(state, draft.id, found)).catch(() => undefined);
  }
  await state.look();
}

/** Writes only what was found: while the city was asked the draft may have got more words, or have gone. */
async function nameDraft(state: State, id: string, found: Named): Promise<void> {
  await inOneStep(state.store, ["drafts"], async (tx) => {
    const now = await tx.objectStore("drafts").get(id);
    if (now !== undefined) await tx.objectStore("drafts").put({ ...now, subject: { ...now.subject, asset_id: found.id }, about: found.name });
  });
}
