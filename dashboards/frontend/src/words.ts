// The page's words, from the same catalogues the server uses: those that scripts use, in the page's language only.

export type Words = Readonly<Record<string, string>>;

/**
 * Fills `{name}` places of a text, and `{count:case|cases}` by the word for one or that for any other number, as the
 * server does; a place without a value stays as it is, so that the mistake is seen.
 */
export function fill(text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replace(/\{(\w+)(?::([^{}|]*)\|([^{}|]*))?\}/g, (place, name: string, one?: string, many?: string) => {
    const value = values[name];
    if (value === undefined) return place;
    return String(one === undefined || many === undefined ? value : String(value) === "1" ? one : many);
  });
}

/** Looks `key` up; an unknown key is shown itself, as on the server. */
export type Translate = (key: string, values?: Readonly<Record<string, string | number>>) => string;

export function translator(words: Words): Translate {
  return (key, values = {}) => fill(words[key] ?? key, values);
}

/** Language of the page as the server chose it. */
export function pageLanguage(): "zh" | "en" {
  return document.documentElement.dataset.lang === "en" ? "en" : "zh";
}

async function load(language: "zh" | "en"): Promise<Words> {
  const catalogue = language === "en" ? await import("virtual:words/en") : await import("virtual:words/zh");
  return catalogue.default;
}

/** What the city named itself (kinds of its standard, its rules), as the page brought it; no catalogue can know it. */
function ownWords(): Words {
  const said = document.querySelector<HTMLElement>("[data-own-words]")?.dataset.ownWords;
  return said === undefined ? {} : (JSON.parse(said) as Words);
}

/** The translator for this page's language. */
export async function pageWords(): Promise<Translate> {
  return translator({ ...(await load(pageLanguage())), ...ownWords() });
}
