// What is looked at, kept in the page's address: whoever gets the link sees the same.
import type { Choices, Variable } from "./shapes";
import { readSaying, type Saying } from "./span";

export interface Look {
  readonly time: Saying;
  readonly choices: Choices;
  /** the panel that fills the screen */
  readonly panel: string | undefined;
}

const PREFIX = "var-";

/** What the address asks for, on top of what the board begins with. Variables that the board has not are left out. */
export function readLook(search: string, time: Saying, variables: readonly Variable[]): Look {
  const asked = new URLSearchParams(search);
  const choices = Object.fromEntries(
    variables.map(({ name, default: usual }) => {
      const given = asked.getAll(PREFIX + name);
      return [name, given.length === 0 ? usual.map(String) : given.filter((value) => value !== "")];
    }),
  );
  return {
    time: readSaying(asked, time),
    choices,
    panel: asked.get("panel") || undefined,
  };
}

const same = (one: readonly string[], other: readonly (string | number)[]): boolean =>
  one.length === other.length && one.every((value, at) => value === String(other[at]));

/** The query of the address for `look`: only what differs from what the board begins with. */
export function writeLook(look: Look, time: Saying, variables: readonly Variable[]): string {
  const query = new URLSearchParams();
  if (look.time.from !== time.from || look.time.to !== time.to) {
    query.set("from", look.time.from);
    query.set("to", look.time.to);
  }
  for (const { name, default: usual } of variables) {
    const chosen = look.choices[name] ?? [];
    if (same(chosen, usual)) continue;
    // an empty value says "all" where the board begins with less
    for (const value of chosen.length === 0 ? [""] : chosen) query.append(PREFIX + name, value);
  }
  if (look.panel !== undefined) query.set("panel", look.panel);
  const text = query.toString();
  return text === "" ? "" : `?${text}`;
}
