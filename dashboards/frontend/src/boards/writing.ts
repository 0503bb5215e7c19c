// Text panels: a small part of Markdown (headings, lists, bold, code, links), as pieces; never markup from the text itself.

export type Piece =
  | { readonly of: "text" | "bold" | "code"; readonly text: string }
  | { readonly of: "link"; readonly text: string; readonly href: string };

export type Block =
  | { readonly of: "heading"; readonly level: 3 | 4; readonly pieces: readonly Piece[] }
  | { readonly of: "paragraph"; readonly pieces: readonly Piece[] }
  | { readonly of: "list"; readonly ordered: boolean; readonly items: readonly (readonly Piece[])[] }
  | { readonly of: "rule" };

const INLINE = /\*\*([^*]+)\*\*|`([^`]+)`|\[([^\]]+)\]\(((?:[^()\s]|\([^()\s]*\))+)\)/g;

/** A link may lead within this site or to a web page; anything else stays text. */
export function safeHref(href: string): string | undefined {
  if (/^https?:\/\/[^\s]+$/i.test(href)) return href;
  return /^(\/(?!\/)|#|\?)[^\s\\]*$/.test(href) ? href : undefined;
}

export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let from = 0;
  for (const match of text.matchAll(INLINE)) {
    if (match.index > from) found.push({ of: "text", text: text.slice(from, match.index) });
    const [whole, bold, code, label, href] = match;
    const safe = href === undefined ? undefined : safeHref(href);
    if (bold !== undefined) found.push({ of: "bold", text: bold });
    else if (code !== undefined) found.push({ of: "code", text: code });
    else if (label !== undefined && safe !== undefined) found.push({ of: "link", text: label, href: safe });
    else found.push({ of: "text", text: whole });
    from = match.index + whole.length;
  }
  if (from < text.length) found.push({ of: "text", text: text.slice(from) });
  return found;
}

export function blocks(text: string): Block[] {
  const made: Block[] = [];
  let lines: string[] = [];
  const endParagraph = (): void => {
    if (lines.length > 0) made.push({ of: "paragraph", pieces: pieces(lines.join(" ")) });
    lines = [];
  };
  for (const raw of text.split(/\r?\n/)) {
    const line = raw.trim();
    const heading = /^(#{1,4})\s+(.*)$/.exec(line);
    const item = /^([-*]|\d+[.)])\s+(.*)$/.exec(line);
    if (heading !== null) {
      endParagraph();
      made.push({ of: "heading", level: (heading[1] ?? "").length <= 2 ? 3 : 4, pieces: pieces(heading[2] ?? "") });
    } else if (/^(-{3,}|\*{3,})$/.test(line)) {
      endParagraph();
      made.push({ of: "rule" });
    } else if (item !== null) {
      endParagraph();
      const ordered = /^\d/.test(item[1] ?? "");
      const last = made.at(-1);
      const words = pieces(item[2] ?? "");
      if (last?.of === "list" && last.ordered === ordered) {
        made[made.length - 1] = { ...last, items: [...last.items, words] };
      } else made.push({ of: "list", ordered, items: [words] });
    } else if (line === "") endParagraph();
    else lines.push(line);
  }
  endParagraph();
  return made;
}
