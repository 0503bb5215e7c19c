// The JSON that the server answers, as far as these pages read it. Times are ISO 8601 in UTC.
import { heardAnswer } from "./clock";

export interface Overview {
  readonly alerts_critical: number;
  readonly alerts_alarm: number;
  readonly alerts_notice: number;
  readonly cases_open: number;
  readonly cases_overdue: number;
  readonly cases_waiting_dispatch: number;
  readonly cases_closed_24h: number;
  readonly assets: number;
  readonly devices: number;
  readonly devices_silent: number;
  readonly cabinets: number;
  readonly cabinets_online: number;
  readonly dead_letters_24h: number;
}

/** The counters, and where the live stream stood when they were counted. */
export interface Figures {
  readonly overview: Overview;
  readonly feed_id: number;
}

/** An open case as a row of "what is wrong now"; `value` is that of its worst live alert, if one is live. */
export interface WrongNow {
  readonly case_id: number;
  readonly kind: string;
  readonly source: string;
  readonly severity: number;
  readonly stage: string;
  readonly opened_at: string;
  readonly deadline_at: string;
  /** What is still to be secured is due before it is to be mended. */
  readonly secure_due_at: string | null;
  readonly overdue: boolean;
  readonly assignee_name: string | null;
  readonly asset_id: number;
  readonly asset_name: string;
  readonly road: string;
  readonly alerts_firing: number;
  readonly point: string | null;
  readonly value: number | null;
  readonly unit: string | null;
}

export interface PointValue {
  readonly point_id: number;
  readonly name: string;
  readonly unit: string;
  readonly decimals: number;
  readonly baseline: number;
  readonly value: number | null;
  readonly measured_at: string | null;
}

export interface AlertBand {
  readonly from: number;
  /** null: still firing */
  readonly until: number | null;
  readonly severity: number;
  readonly rule_key: string;
  readonly alert_id: number;
}

export interface SeriesAnswer {
  /** times in Unix ms, mean, least, greatest */
  readonly data: readonly [number[], number[], number[], number[]];
  readonly bands: readonly AlertBand[];
  readonly since_ms: number;
  readonly until_ms: number;
}

/** What every refusal of the server says (RFC 9457, `application/problem+json`); `code` is the machine's word. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  /** one line per field that can't be used */
  readonly errors: readonly { readonly field: string; readonly problem: string }[];
  /** what to look for in the server's log */
  readonly request_id: string;
}

/**
 * The server answered, but not with what was asked for; 401 and 403 mean that the session is over. `problem` is null
 * when something else than our server answered (a proxy on the way).
 */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly problem: Problem | null = null,
  ) {
    super(problem?.detail ?? `the server answered ${status}`);
  }
}

/** Why the server refused, out of its answer. */
export async function refusal(response: Response): Promise<Refused> {
  const said = response.headers.get("Content-Type") ?? "";
  if (!said.startsWith("application/problem+json")) return new Refused(response.status);
  try {
    return new Refused(response.status, (await response.json()) as Problem);
  } catch {
    return new Refused(response.status); // cut off on the way
  }
}

/** A signal that gives up after `ms`. Made by hand: some browsers that these pages are built for lack `AbortSignal.timeout`. */
export function within(ms: number): AbortSignal {
  const patience = new AbortController();
  setTimeout(() => patience.abort(new DOMException("nothing came", "TimeoutError")), ms);
  return patience.signal;
}

/** Fetches JSON of this site. Throws `Refused` for an error status, `TypeError` when nothing answers. */
export async function fetchJson<T>(address: string, signal?: AbortSignal): Promise<T> {
  const response = await fetch(address, {
    headers: { Accept: "application/json, application/geo+json, application/problem+json" },
    credentials: "same-origin",
    signal: signal ?? within(15_000),
  });
  if (!response.ok) throw await refusal(response);
  return (await response.json()) as T;
}

/** The token that says that this page of ours asks. */
function formToken(): string {
  return document.querySelector<HTMLElement>("[data-csrf]")?.dataset.csrf ?? "";
}

/** Posts JSON to this site. Throws `Refused` for an error status, `TypeError` when nothing answers. */
export async function post(address: string, body: unknown, signal?: AbortSignal): Promise<Response> {
  const response = await fetch(address, {
    method: "POST",
    headers: {
      Accept: "application/json, application/x-ndjson, application/problem+json",
      "Content-Type": "application/json",
      "X-CSRFToken": formToken(),
    },
    credentials: "same-origin",
    body: JSON.stringify(body),
    signal: signal ?? null,
  });
  heardAnswer(response); // no cache answers this: its time is now
  if (!response.ok) throw await refusal(response);
  return response;
}
