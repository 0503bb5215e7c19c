// From what was typed to what is sent: one function per kind of form. Pure.
import type { Act, Asset, Draft, FormKind, Move, Request, Seen } from "./shapes";

/** As many as the city takes with one report or step. */
export const MOST_PICTURES = 9;

/** What a form needs to know to be sent. `token`: the plate was scanned just now. */
export interface Facts {
  readonly user: { readonly id: number; readonly name: string };
  readonly done_at: string;
  readonly id: string;
  readonly key: string;
  readonly token: string | undefined;
  readonly version: number | undefined;
  readonly seen_entry: number | undefined;
  /** The act before, on whose answer this one builds. */
  readonly after: Act | undefined;
}

/** How many of so many more pictures a form takes; what only adds pictures to a file takes them all. */
export function roomFor(draft: Draft, more: number): number {
  return draft.kind === "picture" ? more : Math.min(more, Math.max(0, MOST_PICTURES - draft.pictures.length));
}

/** A field whose words are no number: sent without them, what somebody measured would be lost. */
function unreadable(draft: Draft): string {
  const measured = ([name, said]: readonly [string, string]): boolean => (name === "quantity" || name.startsWith("point.")) && said.trim() !== "";
  return Object.entries(draft.fields).find((field) => measured(field) && number(field[1]) === undefined)?.[0] ?? "";
}

/** The field that has to be filled, or filled otherwise, before it can be sent, by its name; "" when all is there. */
export function missing(draft: Draft, move: Move | undefined, scanned: boolean): string {
  const said = (name: string): boolean => (draft.fields[name] ?? "").trim() !== "";
  const pictures = draft.pictures.length > 0;
  switch (draft.kind) {
    case "report":
      return !said("text") ? "text" : draft.subject.asset_id === undefined ? "asset" : "";
    case "permit":
      return !said("work") ? "work" : !said("people") ? "people" : !said("minutes") ? "minutes" : scanned || said("note") ? "" : "note";
    case "permit_prolong":
      return said("minutes") ? "" : "minutes";
    case "fit":
      return said("serial") ? (said("profile") ? "" : "profile") : "serial";
    case "swap":
      return said("serial") ? (said("reason") ? "" : "reason") : "serial";
    case "rezero":
      return unreadable(draft) || (Object.keys(draft.fields).some((name) => name.startsWith("point.") && said(name)) ? (said("reason") ? "" : "reason") : "point");
    case "picture":
      return pictures ? "" : "pictures";
    case "permit_end":
      return "";
    case "move":
      return missingOfMove(draft, move, said, pictures);
  }
}

function missingOfMove(draft: Draft, move: Move | undefined, said: (name: string) => boolean, pictures: boolean): string {
  if (move === undefined) return unreadable(draft);
  if (move.verdict_required && !said("passed")) return "passed";
  if (move.note_required && !said("note")) return "note";
  if (move.note_or_photo && !said("note") && !pictures) return "note";
  if (move.before_and_after) {
    const kinds = new Set(draft.pictures.map((one) => one.kind));
    if (!kinds.has("before") || !kinds.has("after")) return "pictures";
  }
  return unreadable(draft);
}

function number(text: string | undefined): number | undefined {
  const plain = (text ?? "").trim().replace(",", ".");
  const value = Number(plain);
  return plain === "" || !Number.isFinite(value) ? undefined : value;
}

/** What is sent for a draft. */
export function actOf(draft: Draft, facts: Facts): Omit<Act, "seq"> {
  const { asset_id, case_id } = draft.subject;
  const request = requestOf(draft, facts);
  return {
    id: facts.id,
    key: facts.key,
    user_id: facts.user.id,
    user_name: facts.user.name,
    kind: draft.kind,
    about: draft.about,
    subject: draft.subject,
    line: draft.kind === "move" ? `case ${case_id ?? 0}` : `asset ${asset_id ?? 0}`,
    done_at: draft.done_at ?? facts.done_at,
    request,
    pictures: draft.pictures,
    state: "waiting",
    tries: 0,
    next_ms: 0,
    ...(facts.after === undefined ? {} : { needs: facts.after.id }),
    ...(facts.seen_entry === undefined ? {} : { seen_entry: facts.seen_entry }),
  };
}

/** What is sent of a plate that was read in the app: what the page behind the plate keeps when it is opened. */
export function scanOf(asset: Asset, token: string, facts: Pick<Facts, "user" | "done_at" | "id" | "key">): Omit<Act, "seq"> {
  const { user, done_at, id, key } = facts;
  const request: Request = { path: "/scans", body: { token, done_at } };
  return { id, key, user_id: user.id, user_name: user.name, kind: "scan", about: asset.name, subject: { asset_id: asset.id }, line: "scans", done_at, request, pictures: [], state: "waiting", tries: 0, next_ms: 0 };
}

function requestOf(draft: Draft, facts: Facts): Request | null {
  const { subject, fields } = draft;
  const text = (name: string): string => (fields[name] ?? "").trim();
  const done_at = draft.done_at ?? facts.done_at;
  const on = `/assets/${subject.asset_id ?? 0}`;
  const makers: Record<FormKind, () => Request | null> = {
    report: () => ({ path: `${on}/reports`, body: { text: text("text"), kind: text("kind") || "reported", photo_ids: [], done_at } }),
    permit: () => {
      const proof = facts.token === undefined ? {} : { token: facts.token };
      const work = { work: text("work"), people: number(fields.people) ?? 1, minutes: number(fields.minutes) ?? 60 };
      return { path: `${on}/permits`, body: { ...work, ...proof, ...(subject.case_id === undefined ? {} : { case_id: subject.case_id }), note: text("note"), done_at } };
    },
    permit_end: () => ({ path: `/permits/${subject.permit_id ?? "{id}"}/end`, body: { note: text("note"), done_at } }),
    permit_prolong: () => ({ path: `/permits/${subject.permit_id ?? "{id}"}/prolong`, body: { minutes: number(fields.minutes) ?? 30, done_at } }),
    move: () => ({ path: `/cases/${subject.case_id ?? 0}/moves`, body: moveBody(draft, done_at), version: facts.version ?? 0 }),
    fit: () => {
      const kind = { serial: text("serial"), profile: text("profile"), asset_id: subject.asset_id ?? 0, heartbeat_s: number(fields.heartbeat_s) ?? 600 };
      return { path: "/devices", body: { ...kind, cabinet_id: text("cabinet_id"), note: text("note"), done_at } };
    },
    swap: () => ({ path: `/devices/${subject.device_id ?? 0}/swap`, body: { serial: text("serial"), reason: text("reason"), done_at } }),
    rezero: () => ({ path: `/devices/${subject.device_id ?? 0}/rezero`, body: { baselines: zeroes(fields), reason: text("reason"), done_at } }),
    picture: () => null,
  };
  return makers[draft.kind]();
}

function moveBody(draft: Draft, done_at: string): Record<string, unknown> {
  const { fields } = draft;
  const body: Record<string, unknown> = { move: draft.subject.move ?? "note", note: (fields.note ?? "").trim(), photo_ids: [], done_at };
  const quantity = number(fields.quantity);
  if (quantity !== undefined) body.quantity = quantity;
  if ((fields.passed ?? "") !== "") body.passed = fields.passed === "1";
  return body;
}

function zeroes(fields: Readonly<Record<string, string>>): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [name, written] of Object.entries(fields)) {
    const value = name.startsWith("point.") ? number(written) : undefined;
    if (value !== undefined) found[name.slice("point.".length)] = value;
  }
  return found;
}

const PLAIN = ["text", "kind", "work", "people", "minutes", "note", "serial", "profile", "heartbeat_s", "cabinet_id", "reason", "quantity"];

/** An act as a form again, with its words, its pictures and the time at which it was done. `seen`: the case as it is now. */
export function draftOf(act: Act, seen: Seen | undefined, nowMs: number): Draft {
  const body = act.request?.body ?? {};
  const fields: Record<string, string> = {};
  for (const name of PLAIN) {
    const value = body[name];
    if (typeof value === "number" || (typeof value === "string" && value !== "")) fields[name] = String(value);
  }
  if (typeof body.passed === "boolean") fields.passed = body.passed ? "1" : "0";
  for (const [point, value] of Object.entries((body.baselines ?? {}) as Record<string, number>)) fields[`point.${point}`] = String(value);
  const wrong = act.trouble?.fields ?? [];
  const pictured = wrong.some((field) => field.startsWith("photo"));
  const asReport = act.request?.path.endsWith("/reports") === true;
  return {
    id: act.id,
    user_id: act.user_id,
    kind: asReport || act.kind === "scan" ? "report" : act.kind,
    subject: act.subject,
    about: act.about,
    fields,
    // pictures that the city has are not sent again, unless they are what it refused
    pictures: pictured ? act.pictures.map(({ id, kind, taken_at }) => ({ id, kind, taken_at })) : act.pictures,
    changed_ms: nowMs,
    ...(seen === undefined ? {} : { seen }),
    // a time that the city does not believe is not said a second time
    ...(wrong.includes("done_at") ? {} : { done_at: act.done_at }),
  };
}
