// A city that tests talk to: it answers as told. And acts to send to it.
import type { Act } from "./shapes";

export const NOON = Date.parse("2026-11-26T04:00:00Z");
export const USER = { id: 7, name: "Wang Qiang" };

interface Asked {
  readonly address: string;
  readonly key: string | null;
  readonly match: string | null;
  readonly body: Record<string, unknown>;
}

/** A city that answers as told and remembers what it was asked. */
export class City {
  readonly asked: Asked[] = [];
  user: { id: number; name: string } | null = USER;
  away = false;
  old_password = false;
  answers = new Map<string, () => Response>();

  readonly fetching = async (address: string, init: RequestInit = {}): Promise<Response> => {
    if (this.away) throw new TypeError("Failed to fetch");
    if (address === "/app/session.json") return Response.json({ user: this.user, csrf: "word", now: new Date(NOON).toISOString(), must_change_password: this.old_password });
    const headers = new Headers(init.headers);
    const body = typeof init.body === "string" ? (JSON.parse(init.body) as Record<string, unknown>) : {};
    if (init.method === "POST") this.asked.push({ address, key: headers.get("Idempotency-Key"), match: headers.get("If-Match"), body });
    return Promise.resolve(this.answers.get(address)?.() ?? Response.json({ id: 100 + this.asked.length, version: 5 }, { status: 201 }));
  };
}

export function act(id: string, more: Partial<Act> = {}): Omit<Act, "seq"> {
  return {
    id,
    key: `key-${id}`,
    user_id: 7,
    user_name: "Wang Qiang",
    kind: "report",
    about: "Cover 3",
    subject: { asset_id: 3 },
    line: "asset 3",
    done_at: "2026-11-26T03:00:00.000Z",
    request: { path: "/assets/3/reports", body: { text: id } },
    pictures: [],
    state: "waiting",
    tries: 0,
    next_ms: 0,
    ...more,
  };
}

export const problem = (status: number, code: string, headers: Record<string, string> = {}) => () => Response.json({ code, detail: code }, { status, headers });
