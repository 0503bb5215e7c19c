// Answers that come as lines of JSON, each used as soon as its line is complete.

/** Takes text in pieces as the network cuts it; gives whole lines. */
export class LineReader {
  private rest = "";

  take(piece: string): string[] {
    const lines = (this.rest + piece).split("\n");
    this.rest = lines.pop() ?? "";
    return lines.filter((line) => line.trim() !== "");
  }

  /** What is left at the end. */
  end(): string[] {
    const last = this.rest.trim();
    this.rest = "";
    return last === "" ? [] : [last];
  }
}

/** Hands over every line of an answer. Throws what the network threw. */
export async function eachLine<T>(response: Response, onLine: (item: T) => void): Promise<void> {
  const reader = new LineReader();
  const hand = (lines: readonly string[]): void => {
    for (const line of lines) onLine(JSON.parse(line) as T);
  };
  if (response.body === null) {
    hand([...reader.take(await response.text()), ...reader.end()]);
    return;
  }
  const pieces = response.body.getReader();
  const decoder = new TextDecoder();
  for (;;) {
    const { done, value } = await pieces.read();
    if (done) break;
    hand(reader.take(decoder.decode(value, { stream: true })));
  }
  hand([...reader.take(decoder.decode()), ...reader.end()]);
}
