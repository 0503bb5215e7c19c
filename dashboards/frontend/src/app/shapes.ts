// The shapes of what the phone carries (dashboards/pages/phone.py, registry/queries/field_bundle.py) and of what it keeps.

export interface Point {
  readonly name: string;
  readonly unit: string;
  readonly decimals: number;
  readonly baseline: number;
  readonly value: number | null;
  readonly measured_at: string | null;
}

export interface Device {
  readonly id: number;
  readonly serial: string;
  readonly profile: string;
  readonly cabinet_id: string;
  readonly fitted_at: string;
  readonly points: readonly Point[];
}

export interface Asset {
  readonly id: number;
  readonly code: string;
  readonly name: string;
  readonly class_name_zh: string;
  readonly class_name_en: string;
  readonly family: "cover" | "light" | "other";
  readonly state: string;
  readonly road: string;
  readonly address: string;
  readonly lon: number;
  readonly lat: number;
  readonly version: number;
  readonly severity: number;
  /** What its sensors report, the worst first. */
  readonly alerts?: readonly { readonly rule_key: string; readonly severity: number; readonly fired_at: string }[];
  readonly open_cases: number;
  readonly care: boolean;
  readonly tokens: readonly string[];
  readonly devices: readonly Device[];
}

export interface CaseRow {
  readonly id: number;
  readonly number: string;
  readonly kind: string;
  readonly severity: number;
  readonly stage: string;
  readonly deadline_at: string;
  readonly secure_due_at: string | null;
  readonly secured_at: string | null;
  readonly asset_id: number | null;
  readonly asset_name: string;
  readonly road: string;
  readonly lon: number;
  readonly lat: number;
  readonly version: number;
}

export interface Move {
  readonly name: string;
  /** The case is in the same stage after it: everything else is open as before. */
  readonly stays?: boolean;
  readonly note_required: boolean;
  readonly note_or_photo: boolean;
  readonly before_and_after: boolean;
  readonly verdict_required: boolean;
}

export interface Task {
  readonly case: CaseRow;
  readonly moves: readonly Move[];
  readonly then: Readonly<Record<string, readonly Move[]>>;
  readonly said: string;
  readonly seen_entry: number;
}

export interface Look {
  readonly case_id: number;
  readonly look: string;
  readonly due_at: string;
  readonly note: string;
  readonly number: string;
  readonly kind: string;
  readonly severity: number;
  readonly asset_name: string;
  readonly road: string;
}

export interface Permit {
  readonly id: number;
  readonly asset_id: number;
  readonly asset_name: string;
  readonly work: string;
  readonly people: number;
  readonly started_at: string;
  readonly ends_at: string;
  readonly by_user_id: number;
  readonly by_name: string;
  readonly ended_at: string | null;
}

export interface Kind {
  readonly zh: string;
  readonly en: string;
  readonly family: string;
  readonly severity: number;
  readonly unit: string;
  readonly retired: boolean;
}

export interface Bundle {
  readonly at: string;
  readonly city: string;
  readonly user_id: number;
  readonly assets: readonly Asset[];
  readonly cases: readonly Task[];
  /** The cases of the looks that are no tasks. */
  readonly look_cases?: readonly Task[];
  readonly looks: readonly Look[];
  readonly permits: readonly Permit[];
  /** There are more things than a phone carries. */
  readonly more: boolean;
  /** There are more tasks or looks. */
  readonly more_cases?: boolean;
  readonly rules?: Readonly<Record<string, { readonly zh: string; readonly en: string }>>;
  readonly kinds: Readonly<Record<string, Kind>>;
  readonly works: Readonly<Record<string, readonly string[]>>;
  readonly minutes: readonly number[];
  readonly zeroed: readonly string[];
  readonly profiles: readonly { readonly name: string; readonly zh: string; readonly en: string; readonly heartbeat_s: number }[];
}

/** The bundle without its assets, which have a shelf of their own. `asked_ms`: when the phone asked for it, by its own clock. */
export type Carried = Omit<Bundle, "assets"> & { readonly asked_ms?: number };

export interface User {
  readonly id: number;
  readonly name: string;
}

/** A picture as bytes: some phones lose Blobs that are kept. */
export interface Picture {
  readonly id: string;
  readonly bytes: ArrayBuffer;
  readonly type: string;
}

export interface PictureOf {
  readonly id: string;
  readonly kind: "" | "before" | "after" | "near" | "far";
  readonly taken_at: string;
  /** The id that the server gave it. */
  readonly sent_as?: number;
}

export type FormKind = "report" | "permit" | "permit_end" | "permit_prolong" | "move" | "fit" | "swap" | "rezero" | "picture";

/** What is told to the city: what forms ask, and that a plate was scanned, which asks nothing. */
export type ActKind = FormKind | "scan";

/** What a form is about. */
export interface Subject {
  readonly asset_id?: number;
  /** The plate that was scanned, where the phone does not carry its asset. */
  readonly token?: string;
  readonly case_id?: number;
  readonly case_kind?: string;
  readonly device_id?: number;
  readonly permit_id?: number;
  /** The act that started the permit, while the server has not numbered it. */
  readonly permit_act?: string;
  readonly move?: string;
}

/** The case as whoever opened a form saw it. */
export interface Seen {
  readonly version: number;
  /** The newest line of its story. */
  readonly entry: number;
}

export interface Draft {
  readonly id: string;
  readonly user_id: number;
  readonly kind: FormKind;
  readonly subject: Subject;
  readonly about: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly pictures: readonly PictureOf[];
  readonly changed_ms: number;
  readonly seen?: Seen;
  /** When it was done, where that was said before: of an act that is being changed. */
  readonly done_at?: string;
}

/**
 * waiting: it will be sent; conflict: somebody else was first; refused: the server says no; unsure: perhaps it arrived;
 * editing: it is a draft again, under the act's own id, and keeps its place in its line.
 */
export type ActState = "waiting" | "conflict" | "refused" | "unsure" | "editing" | "sent" | "dropped";

export interface Trouble {
  readonly code: string;
  readonly text: string;
  /** The fields that the server complained about. */
  readonly fields?: readonly string[];
}

/** What the office did meanwhile, fetched when the conflict was found. */
export interface Office {
  readonly version?: number;
  readonly stage?: string;
  readonly lines: readonly { readonly at: string; readonly what: string; readonly by: string; readonly note: string }[];
}

export interface Request {
  /** Below /api/v1; `{id}` stands for the id that the act it needs was answered with. */
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** The version that was seen; undefined: the address takes none. */
  readonly version?: number;
}

/** Something that was done and has to be told. */
export interface Act {
  readonly seq: number;
  readonly id: string;
  /** The Idempotency-Key; another one when a person decides to send it anew. */
  readonly key: string;
  readonly user_id: number;
  readonly user_name: string;
  readonly kind: ActKind;
  readonly about: string;
  readonly subject: Subject;
  /** Acts of one line are sent in their order, each after the one before is settled. */
  readonly line: string;
  readonly done_at: string;
  /** null: only pictures. */
  readonly request: Request | null;
  readonly pictures: readonly PictureOf[];
  readonly needs?: string;
  /** The newest line of the case's story that the person had seen. */
  readonly seen_entry?: number;
  readonly state: ActState;
  readonly tries: number;
  readonly next_ms: number;
  readonly first_sent_ms?: number;
  readonly trouble?: Trouble;
  readonly office?: Office;
  readonly answer?: { readonly id?: number; readonly version?: number; readonly case_id?: number };
  readonly settled_ms?: number;
}
