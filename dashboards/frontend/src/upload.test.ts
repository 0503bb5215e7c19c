import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Page } from "./page";
import { startUploads } from "./upload";

/** A request that the test answers when it likes; `sent`: the names of the files that went out, request by request. */
class Line {
  static readonly open: Line[] = [];
  static readonly sent: string[][] = [];
  readonly upload = new EventTarget();
  status = 200;
  private readonly heard = new Map<string, () => void>();
  open(): void {
    Line.open.push(this);
  }
  setRequestHeader(): void {}
  addEventListener(name: string, does: () => void): void {
    this.heard.set(name, does);
  }
  send(form: { files: File[] }): void {
    Line.sent.push(form.files.map((file) => file.name));
  }
  ends(how: "load" | "error"): void {
    this.heard.get(how)?.();
  }
}

class Input extends EventTarget {
  files: File[] = [];
  readonly multiple = true;
  set value(_: string) {
    this.files = [];
  }
  take(...names: string[]): void {
    this.files = names.map((name) => new File(["x"], name, { type: "image/jpeg" }));
    this.dispatchEvent(new Event("change"));
  }
}

let input: Input;
const quiet = (): Promise<void> => new Promise((done) => setTimeout(done));
const page = { t: (key: string) => key } as unknown as Page;

beforeEach(() => {
  input = new Input();
  Line.open.length = Line.sent.length = 0;
  const form = Object.assign(new EventTarget(), { dataset: { upload: "stay", uploadNow: "" }, action: "/photos", querySelector: (what: string) => (what === "input[type=file]" ? input : null) });
  vi.stubGlobal("document", { body: { classList: { add: () => undefined } }, querySelectorAll: () => [form] });
  vi.stubGlobal("XMLHttpRequest", Line);
  vi.stubGlobal("FormData", class {
    readonly files = [...input.files];
  });
  vi.stubGlobal("DataTransfer", class {
    readonly files: File[] = [];
    readonly items = { add: (file: File) => this.files.push(file) };
  });
  startUploads(page);
});
afterEach(() => {
  vi.unstubAllGlobals();
});

it("photos that are taken while others are on their way go after them, each once", async () => {
  input.take("a");
  await quiet();
  input.take("b");
  input.take("c");
  await quiet();
  expect(Line.sent).toEqual([["a"]]);
  Line.open[0]?.ends("load");
  await quiet();
  expect(Line.sent).toEqual([["a"], ["b", "c"]]);
  Line.open[1]?.ends("load");
  await quiet();
  expect([Line.sent.length, input.files]).toEqual([2, []]);
});

it("what did not arrive is in the field again, with what was taken since", async () => {
  input.take("a");
  await quiet();
  input.take("b");
  await quiet();
  Line.open[0]?.ends("error");
  expect(input.files.map((file) => file.name)).toEqual(["a", "b"]);
});
