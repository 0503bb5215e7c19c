// Sending what was done, in its order, once. The page and the service worker run the same code, one at a time.
import { within } from "../answers";
import { keepClock } from "./clock";
import { allActs, changeAct, dropAct, settleAct, type Store } from "./kept";
import type { Act, ActState, FormKind, Office, Picture, PictureOf, Subject, Trouble, User } from "./shapes";

/** Keys are kept by the server for 48 hours; what was tried first before that may have arrived, and nobody can tell. */
const KEY_LASTS_MS = 47 * 3_600_000;
const FIRST_PAUSE_MS = 4_000;
const LONGEST_PAUSE_MS = 10 * 60_000;
/** For pictures on a slow line; a line that was too slow for that is given more with each try. */
const PATIENCE_MS = 90_000;
/** Below the five minutes after which the server takes a request for cut off. */
const MOST_PATIENCE_MS = 270_000;
/** For what is small: who waits longer has no line. */
const ASK_MS = 20_000;
/** What happened longer ago is older than any act that the city still takes. */
const MEANWHILE_MS = 14 * 86_400_000;
const API = "/api/v1";

export interface Session {
  readonly user: User | null;
  /** Who signed out in this browser last, where nobody signed in since. */
  readonly left?: number | null;
  readonly csrf: string;
  readonly now: string;
  /** The city takes nothing from them before they chose a password of their own. */
  readonly must_change_password?: boolean;
}

/** Why nothing is being sent, if that is so. */
export type Halt = "none" | "offline" | "sign_in" | "password" | "other_person" | "waiting";

export interface Round {
  readonly halt: Halt;
  /** How many that may have changed something in the city: a scan changes nothing. */
  readonly sent: number;
  /** When to look again, ms from now; undefined: nothing waits. */
  readonly again_ms?: number;
}

type Fetch = (address: string, init?: RequestInit) => Promise<Response>;

export const SETTLED: ReadonlySet<ActState> = new Set<ActState>(["sent", "dropped"]);
/** What waits for a person and not for the server; what is a draft again can be dropped, but not sent from a list. */
const UNDECIDED: readonly ActState[] = ["conflict", "refused", "unsure"];
const UNSETTLED: readonly ActState[] = [...UNDECIDED, "editing"];

/** How long to wait after so many tries; a little chance keeps a depot's phones apart. */
export function pause(tries: number, chance: number): number {
  const whole = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(tries, 12));
  return Math.round(whole * (0.75 + 0.5 * chance));
}

/** The act to send next: of each line the first that is not settled, if it waits and its time has come. */
export function nextAct(acts: readonly Act[], userId: number, nowMs: number): Act | undefined {
  const lines = new Set<string>();
  for (const act of acts) {
    if (act.user_id !== userId || SETTLED.has(act.state)) continue;
    const first = !lines.has(act.line);
    lines.add(act.line);
    if (!first || act.state !== "waiting" || act.next_ms > nowMs) continue;
    const needed = acts.find((one) => one.id === act.needs);
    if (act.needs !== undefined && needed !== undefined && needed.state !== "sent" && needed.state !== "dropped") continue;
    return act;
  }
  return undefined;
}

/** How long an answer may take, ms. */
export const patience = (tries: number): number => Math.min(MOST_PATIENCE_MS, PATIENCE_MS * (1 + tries));

/** The acts of a line that wait for one before them to be settled by the person. */
export function heldUp(acts: readonly Act[], act: Act): Act | undefined {
  return acts.find(
    (one) => one.seq < act.seq && one.line === act.line && one.user_id === act.user_id && !SETTLED.has(one.state) && one.state !== "waiting",
  );
}

/** Who is signed in, and what time it is; undefined when nobody can tell. */
export async function session(store: Store, fetching: Fetch, clock: () => number): Promise<Session | undefined> {
  let said: Session;
  try {
    const answer = await fetching("/app/session.json", { cache: "no-store", headers: { Accept: "application/json" }, signal: within(ASK_MS) });
    if (!answer.ok) return undefined;
    said = (await answer.json()) as Session;
  } catch {
    return undefined;
  }
  await keepClock(store, said.now, clock());
  return said;
}

/** Sends what can be sent now. `changed` is called after every act. */
export async function sendAll(
  store: Store,
  fetching: Fetch,
  clock: () => number,
  changed: () => void = () => undefined,
  chance: () => number = Math.random,
): Promise<Round> {
  let acts = await allActs(store);
  if (!acts.some((act) => act.state === "waiting")) return { halt: "none", sent: 0 };
  const who = await session(store, fetching, clock);
  if (who === undefined) return { halt: "offline", sent: 0, again_ms: pause(2, chance()) };
  if (who.user === null) return { halt: "sign_in", sent: 0 };
  if (who.must_change_password === true) return { halt: "password", sent: 0 };
  const userId = who.user.id;
  let sent = 0;
  const stuck = new Map<string, unknown>();
  for (let act = nextAct(acts, userId, clock()); act !== undefined; act = nextAct(acts, userId, clock())) {
    const { id } = act;
    const halt = await sendOne(store, fetching, who.csrf, act, clock, chance).catch((problem: unknown) => {
      stuck.set(id, problem);
      return "none" as const;
    });
    // on a phone that is full, what the city said of one act may not be kept; the next may still be sent, and makes room
    acts = (await allActs(store)).map((one) => (stuck.has(one.id) ? { ...one, next_ms: Infinity } : one));
    changed();
    if (halt !== "none") return { halt, sent, again_ms: pause(1, chance()) };
    if (act.kind !== "scan" && (acts.find((one) => one.id === id)?.state ?? "sent") === "sent") sent += 1;
  }
  for (const problem of stuck.values()) throw problem;
  const waiting = acts.filter((act) => act.state === "waiting");
  const mine = waiting.filter((act) => act.user_id === userId && heldUp(acts, act) === undefined);
  if (mine.length > 0) return { halt: "waiting", sent, again_ms: Math.max(1000, Math.min(...mine.map((act) => act.next_ms)) - clock()) };
  return { halt: waiting.some((act) => act.user_id !== userId) ? "other_person" : "none", sent };
}

/** One act: its pictures, each once, then itself. "offline" and "sign_in" end the round. */
async function sendOne(store: Store, fetching: Fetch, csrf: string, given: Act, clock: () => number, chance: () => number): Promise<Halt> {
  let act = given;
  if (act.first_sent_ms !== undefined && clock() - act.first_sent_ms > KEY_LASTS_MS) {
    if (act.kind === "scan") return givenUp(store, act, clock);
    await changeAct(store, act.id, { state: "unsure", ...(await officeOf(fetching, act)) });
    return "none";
  }
  const needed = act.needs === undefined ? undefined : (await allActs(store)).find((one) => one.id === act.needs);
  const unnumbered = needed?.answer?.id === undefined && act.request?.path.includes("{id}") === true;
  if (needed?.state === "dropped" || unnumbered) {
    await changeAct(store, act.id, { state: "refused", trouble: { code: "needs_dropped", text: "" }, ...(await officeOf(fetching, act)) });
    return "none";
  }
  if (act.first_sent_ms === undefined) act = await noted(store, act, { first_sent_ms: clock() });
  for (const picture of act.pictures) {
    if (picture.sent_as !== undefined) continue;
    const kept = await store.get("pictures", picture.id);
    if (kept === undefined) {
      await changeAct(store, act.id, { state: "refused", trouble: { code: "picture_gone", text: "", fields: ["photo"] } });
      return "none";
    }
    const told = await asked(() => sendPicture(fetching, csrf, act, picture, kept));
    if (told === undefined) return offline(store, act, clock, chance);
    if (told.said === undefined) return failed(store, fetching, act, told.answer, clock, chance);
    const sent_as = told.said.id;
    if (sent_as === undefined) return offline(store, act, clock, chance);
    const pictures = act.pictures.map((one) => (one.id === picture.id ? { ...one, sent_as } : one));
    act = await noted(store, act, { pictures });
  }
  if (act.request !== null) {
    const told = await asked(() => sendRequest(fetching, csrf, act, needed));
    if (told === undefined) return offline(store, act, clock, chance);
    if (told.said === undefined) return failed(store, fetching, act, told.answer, clock, chance);
    act = { ...act, answer: { id: told.said.id, version: told.said.version, case_id: told.said.case_id } as NonNullable<Act["answer"]> };
  }
  await settleAct(store, act.id, { state: "sent", settled_ms: clock(), ...(act.answer === undefined ? {} : { answer: act.answer }), ...cleared() });
  return "none";
}

/** The act with a change that sending can do without: a phone that is full must send, or it never has room again. */
async function noted(store: Store, act: Act, change: Partial<Act>): Promise<Act> {
  const kept = await changeAct(store, act.id, change).catch(() => undefined);
  return kept ?? { ...act, ...change };
}

const cleared = (): Partial<Act> => ({ trouble: undefined, office: undefined }) as unknown as Partial<Act>;

interface Said {
  readonly id?: number;
  readonly version?: number;
  readonly case_id?: number;
}

/** What came back, `said` where it was done; undefined: nothing came, or something on the way answered in the city's place. */
async function asked(ask: () => Promise<Response>): Promise<{ readonly answer: Response; readonly said?: Said } | undefined> {
  try {
    const answer = await ask();
    return answer.ok ? { answer, said: (await answer.json()) as Said } : { answer };
  } catch {
    return undefined;
  }
}

async function offline(store: Store, act: Act, clock: () => number, chance: () => number): Promise<Halt> {
  await noted(store, act, { tries: act.tries + 1, next_ms: clock() + pause(act.tries, chance()), trouble: { code: "offline", text: "" } });
  return "offline";
}

/** Where pictures are kept: with the asset, or with the case where it is about a place at which none stands. */
function picturesOf(subject: Subject): string {
  return subject.asset_id === undefined ? `${API}/cases/${subject.case_id ?? 0}/photos` : `${API}/assets/${subject.asset_id}/photos`;
}

function sendPicture(fetching: Fetch, csrf: string, act: Act, picture: PictureOf, kept: Picture): Promise<Response> {
  const form = new FormData();
  form.append("photo", new Blob([kept.bytes], { type: kept.type }), `${picture.id}.jpg`);
  form.append("kind", picture.kind);
  form.append("taken_at", picture.taken_at);
  const headers = { Accept: "application/json", "X-CSRFToken": csrf, "Idempotency-Key": `${picture.id}-${act.key}`.slice(0, 80) };
  return fetching(picturesOf(act.subject), { method: "POST", headers, body: form, signal: within(patience(act.tries)) });
}

/** The address and body as they can be sent now: with the ids that pictures and earlier acts were given. */
export function made(act: Act, needed: Act | undefined): { address: string; body: Record<string, unknown>; version: number | undefined } {
  const request = act.request ?? { path: "", body: {} };
  const body: Record<string, unknown> = { ...request.body };
  if ("photo_ids" in body) body.photo_ids = act.pictures.map((one) => one.sent_as).filter((id) => id !== undefined);
  const seen = "version" in request ? request.version : undefined;
  // after an act of one's own the version is the one that it led to; the server compares nothing else
  const version = needed?.answer?.version !== undefined && seen !== undefined ? needed.answer.version : seen;
  return { address: API + request.path.replace("{id}", String(needed?.answer?.id ?? "")), body, version };
}

function sendRequest(fetching: Fetch, csrf: string, act: Act, needed: Act | undefined): Promise<Response> {
  const { address, body, version } = made(act, needed);
  const headers: Record<string, string> = {
    Accept: "application/json",
    "Content-Type": "application/json",
    "X-CSRFToken": csrf,
    "Idempotency-Key": act.key,
  };
  if (version !== undefined) headers["If-Match"] = `"${version}-0"`;
  return fetching(address, { method: "POST", headers, body: JSON.stringify(body), signal: within(patience(act.tries)) });
}

/** What an answer that is no success means for the act. */
async function failed(store: Store, fetching: Fetch, act: Act, answer: Response, clock: () => number, chance: () => number): Promise<Halt> {
  const trouble = await told(answer);
  if (answer.status === 401) return "sign_in";
  const later = answer.status === 408 || answer.status === 429 || answer.status >= 500 || trouble.code === "still_running" || trouble.code === "form_expired";
  // an answer that is kept under the key comes back for as long as the key lasts: waiting would change nothing
  const kept = answer.status >= 500 && answer.headers.get("Idempotency-Replayed") !== null;
  if (later && !kept) {
    const asked = Number(answer.headers.get("Retry-After") ?? "0") * 1000;
    const next_ms = clock() + Math.max(asked || 0, pause(act.tries, chance()));
    await changeAct(store, act.id, { tries: act.tries + 1, next_ms, trouble });
    return "none";
  }
  if (act.kind === "scan") return givenUp(store, act, clock);
  const state = kept || trouble.code === "outcome_unknown" ? "unsure" : answer.status === 409 || answer.status === 412 ? "conflict" : "refused";
  // somebody may have taken the case away: then the refusal alone explains nothing
  const more = state === "refused" && act.kind !== "move" ? {} : await officeOf(fetching, act);
  await changeAct(store, act.id, { state, trouble, tries: act.tries + 1, ...more });
  return "none";
}

/** A scan that the city does not take, or may have: there is nothing in it that a person could change or decide. */
async function givenUp(store: Store, act: Act, clock: () => number): Promise<Halt> {
  await changeAct(store, act.id, { state: "dropped", settled_ms: clock() });
  return "none";
}

async function told(answer: Response): Promise<Trouble> {
  try {
    const said = (await answer.json()) as { code?: string; detail?: string; errors?: { field: string; problem: string }[] };
    const errors = said.errors ?? [];
    const problems = errors.map((one) => one.problem).join("; ");
    return { code: said.code ?? String(answer.status), text: problems || said.detail || "", fields: errors.map((one) => one.field) };
  } catch {
    return { code: String(answer.status), text: "" };
  }
}

interface CaseSaid {
  version: number;
  stage: string;
  entries: { id: number; at: string; move: string; by_user_id: number | null; by_name: string | null; note: string }[];
}

interface PermitSaid {
  started_at: string;
  ended_at: string | null;
  by_name: string;
  work: string;
}

interface ChangeSaid {
  at: string;
  by_user_id: number | null;
  by_name: string | null;
  action: string;
  changes: { device?: readonly (string | null)[] };
  note: string;
}

const DEVICE_ACTS: ReadonlySet<string> = new Set<FormKind>(["fit", "swap", "rezero"]);
/** What an asset's history calls the same, and taking a device off. */
const DEVICE_CHANGES: ReadonlySet<string> = new Set(["fit", "swap", "rezero", "remove"]);
const MOST_LINES = 3;

/** Where the city tells what happened to what an act is about; "": nowhere. */
export function officeAddress({ kind, subject: { asset_id, case_id } }: Act): string {
  if (kind === "move" && case_id !== undefined) return `${API}/cases/${case_id}`;
  if (asset_id === undefined) return "";
  if (kind.startsWith("permit")) return `${API}/permits?asset_id=${asset_id}&limit=${MOST_LINES}`;
  return DEVICE_ACTS.has(kind) ? `${API}/assets/${asset_id}/history?limit=50` : "";
}

/** What happened meanwhile to what the act is about; undefined where the server tells nothing or can't be asked. */
async function office(fetching: Fetch, act: Act): Promise<Office | undefined> {
  const address = officeAddress(act);
  if (address === "") return undefined;
  try {
    const answer = await fetching(address, { cache: "no-store", headers: { Accept: "application/json" }, signal: within(ASK_MS) });
    // it is nobody's to see who asks, or gone: there is nothing to wait for
    if (answer.status === 403 || answer.status === 404) return { lines: [] };
    if (!answer.ok) return undefined;
    const said: unknown = await answer.json();
    if (act.kind === "move") return ofCase(act, said as CaseSaid);
    const since = Date.parse(act.done_at) - MEANWHILE_MS;
    if (act.kind.startsWith("permit")) return { lines: ofPermits((said as { items: PermitSaid[] }).items, since) };
    return { lines: ofDevices(act, (said as { items: ChangeSaid[] }).items, since) };
  } catch {
    return undefined; // without a signal nothing more is known; the person may look again
  }
}

function ofCase(act: Act, said: CaseSaid): Office {
  const lines = said.entries
    .filter((entry) => entry.id > (act.seen_entry ?? 0) && entry.by_user_id !== act.user_id)
    .map((entry) => ({ at: entry.at, what: `entry.${entry.move}`, by: entry.by_name ?? "", note: entry.note }));
  return { version: said.version, stage: said.stage, lines };
}

function ofPermits(items: readonly PermitSaid[], sinceMs: number): Office["lines"] {
  return items
    .filter((one) => one.ended_at === null || Date.parse(one.ended_at) > sinceMs)
    .map((one) => ({ at: one.ended_at ?? one.started_at, what: one.ended_at === null ? "app.permit_runs" : "app.permit_over", by: one.by_name, note: one.work }));
}

function ofDevices(act: Act, items: readonly ChangeSaid[], sinceMs: number): Office["lines"] {
  return items
    .filter((one) => DEVICE_CHANGES.has(one.action) && one.by_user_id !== act.user_id && Date.parse(one.at) > sinceMs)
    .slice(0, MOST_LINES)
    .map((one) => {
      const serials = (one.changes.device ?? []).filter((each) => each !== null).join(" → ");
      return { at: one.at, what: `change_action.${one.action}`, by: one.by_name ?? "", note: [serials, one.note].filter((each) => each !== "").join(" · ") };
    });
}

/** Asks once more where the line was gone when it turned out that somebody has to decide: they wait for what happened. */
export async function askOffices(store: Store, fetching: Fetch, userId: number): Promise<void> {
  for (const act of await allActs(store)) {
    const waits = (act.state === "conflict" || act.state === "unsure") && act.office === undefined && act.user_id === userId;
    if (!waits || officeAddress(act) === "") continue;
    const found = await office(fetching, act);
    if (found === undefined) return;
    await changeAct(store, act.id, { office: found }, UNDECIDED);
  }
}

async function officeOf(fetching: Fetch, act: Act): Promise<Pick<Act, "office">> {
  const found = await office(fetching, act);
  return found === undefined ? {} : { office: found };
}

/** The person decided to send it anew: on the version that they have seen now, under a key of its own. */
export async function sendAnew(store: Store, act: Act, key: string): Promise<void> {
  const request = act.request !== null && act.office?.version !== undefined && act.request.version !== undefined ? { ...act.request, version: act.office.version } : act.request;
  const change: Partial<Act> = { request, key, state: "waiting", tries: 0, next_ms: 0, ...(act.office?.version === undefined ? {} : { needs: undefined }) } as unknown as Partial<Act>;
  await changeAct(store, act.id, { ...change, first_sent_ms: undefined, ...cleared() } as unknown as Partial<Act>, UNDECIDED);
}

const ENDED = new Set(["closed", "void"]);

/**
 * What was done becomes a remark on the case: nothing moves, and nothing is lost. On a case that is open it goes as a report
 * from the street, which joins it: a case that was given to others meanwhile takes no note from whoever had it before.
 */
export async function keepAsNote(store: Store, act: Act, words: string, key: string): Promise<void> {
  const { asset_id, case_id, case_kind } = act.subject;
  const joins = asset_id !== undefined && case_kind !== undefined && !ENDED.has(act.office?.stage ?? "");
  const more = { photo_ids: [], done_at: act.done_at };
  const request = joins
    ? { path: `/assets/${asset_id}/reports`, body: { text: words.slice(0, 1000), kind: case_kind, ...more } }
    : { path: `/cases/${case_id ?? 0}/moves`, body: { move: "note", note: words, ...more }, version: act.office?.version ?? 0 };
  const change = { request, kind: "move", subject: { ...act.subject, move: "note" }, key, state: "waiting", tries: 0, next_ms: 0, needs: undefined, first_sent_ms: undefined };
  await changeAct(store, act.id, { ...change, ...cleared() } as unknown as Partial<Act>, UNDECIDED);
}

export async function drop(store: Store, act: Act, nowMs: number): Promise<void> {
  await dropAct(store, act.id, nowMs, UNSETTLED);
}
