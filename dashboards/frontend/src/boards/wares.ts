// What can be chosen: areas, units, kinds … as one answer that is fetched once; assets and devices by search.
import { fetchJson } from "../answers";
import type { Choice } from "./shapes";

/** Which sources fit which panels, and by what each can be narrowed and split (`registry.domain.board_check`). */
export interface Grammar {
  readonly conditions: Readonly<Record<string, readonly string[]>>;
  readonly splits: Readonly<Record<string, readonly string[]>>;
  readonly shows: Readonly<Record<string, readonly string[]>>;
  readonly happening?: readonly string[];
  readonly points: readonly (Choice & { readonly unit?: string })[];
}

interface Everything {
  readonly variables: Readonly<Record<string, readonly Choice[]>>;
  readonly sources: Grammar;
}

export interface Found {
  readonly remote: boolean;
  readonly find: (search: string) => Promise<readonly Choice[]>;
  readonly named: (values: readonly string[]) => Promise<readonly Choice[]>;
}

/** Too many for a list. */
const SEARCHED = new Set(["asset", "device"]);

export class Wares {
  private all: Promise<Everything> | undefined;

  constructor(private readonly address: string) {}

  everything(): Promise<Everything> {
    this.all ??= fetchJson<Everything>(this.address).catch((problem: unknown) => {
      this.all = undefined; // the next look asks again
      throw problem;
    });
    return this.all;
  }

  /** How a variable's values are found, and how those that were chosen before are called. */
  of(name: string): Found {
    if (SEARCHED.has(name)) {
      const ask = async (more: Readonly<Record<string, string>>): Promise<readonly Choice[]> =>
        (await fetchJson<{ found: Choice[] }>(`${this.address}?${new URLSearchParams({ name, ...more })}`)).found;
      return { remote: true, find: (search) => ask({ q: search }), named: (ids) => ask({ ids: ids.join(",") }) };
    }
    return {
      remote: false,
      named: async () => (await this.everything()).variables[name] ?? [],
      find: async (search) => {
        const wanted = search.toLowerCase();
        const { variables } = await this.everything();
        return (variables[name] ?? []).filter((each) => `${each.name} ${each.value}`.toLowerCase().includes(wanted));
      },
    };
  }
}
