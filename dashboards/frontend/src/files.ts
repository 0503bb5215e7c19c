// Choosing and sending a file: what was chosen, whether it is too large, how much has been sent. The form works without.
import type { Problem } from "./answers";
import { type Page, part, say } from "./page";

const STEPS = ["B", "kB", "MB", "GB"] as const;

/** A size as people say it: 4.2 MB. */
export function sizeOf(bytes: number): string {
  let rest = bytes;
  let step = 0;
  while (rest >= 1000 && step < STEPS.length - 1) {
    rest /= 1000;
    step += 1;
  }
  return `${step === 0 || rest >= 100 ? Math.round(rest) : rest.toFixed(1)} ${STEPS[step]}`;
}

/** What the server did not like, out of its answer; undefined when somebody else answered (a proxy on the way). */
export function whyRefused(body: string): string | undefined {
  try {
    const problem = JSON.parse(body) as Partial<Problem>;
    return problem.errors?.[0]?.problem ?? problem.detail;
  } catch {
    return undefined;
  }
}

class Drop {
  private readonly input: HTMLInputElement;
  private readonly words: HTMLElement;
  private readonly wordsAtFirst: string;
  private readonly most: number;

  constructor(
    private readonly box: HTMLElement,
    private readonly page: Page,
  ) {
    this.input = part<HTMLInputElement>("input[type=file]", box);
    this.words = part("[data-drop-words]", box);
    this.wordsAtFirst = this.words.textContent ?? "";
    this.most = Number(box.dataset.mostBytes ?? Number.POSITIVE_INFINITY);
    this.input.addEventListener("change", () => this.show());
    for (const kind of ["dragenter", "dragover"]) box.addEventListener(kind, () => (box.dataset.over = ""));
    for (const kind of ["dragleave", "drop"]) box.addEventListener(kind, () => delete box.dataset.over);
    this.show();
  }

  private show(): void {
    const files = [...(this.input.files ?? [])];
    if (files.length === 0) delete this.box.dataset.chosen;
    else this.box.dataset.chosen = "";
    const names = files.map((file) => `${file.name} (${sizeOf(file.size)})`).join("; ");
    say(this.words, names === "" ? this.wordsAtFirst : names);
    const large = files.find((file) => file.size > this.most);
    const { t } = this.page;
    const problem =
      large === undefined ? "" : t("form.too_large", { name: large.name, size: sizeOf(large.size), most: sizeOf(this.most) });
    this.input.setCustomValidity(problem);
    const place = this.box.parentElement?.querySelector<HTMLElement>("[data-drop-problem]");
    if (place == null) return;
    place.hidden = problem === "";
    say(place, problem);
  }
}

/** Sends a form with a bar; the answer's page is shown as it would be without scripts. */
class Sending {
  private readonly box: HTMLElement;
  private readonly bar: HTMLProgressElement;

  constructor(
    private readonly form: HTMLFormElement,
    private readonly page: Page,
  ) {
    this.box = part("[data-sending-box]", form);
    this.bar = part<HTMLProgressElement>("progress", this.box);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
  }

  private send(): void {
    if (!this.box.hidden) return;
    const request = new XMLHttpRequest();
    request.open("POST", this.form.action);
    // told where to go rather than sent there: the answer's page would be fetched twice
    request.setRequestHeader("Accept", "application/json");
    request.upload.addEventListener("progress", (event) => this.show(event));
    request.addEventListener("load", () => this.arrived(request));
    request.addEventListener("error", () => this.failed());
    this.box.hidden = false;
    request.send(new FormData(this.form));
  }

  private show(event: ProgressEvent): void {
    const percent = event.lengthComputable ? Math.round((100 * event.loaded) / event.total) : 0;
    this.bar.value = percent;
    this.tell(percent < 100 ? this.page.t("form.sending", { percent }) : this.page.t("form.reading"));
  }

  private arrived(request: XMLHttpRequest): void {
    if (request.status >= 400) {
      this.refused(whyRefused(request.responseText) ?? this.page.t("photo.refused", { status: request.status }));
      return;
    }
    const answer = JSON.parse(request.responseText) as { readonly next: string };
    location.assign(answer.next);
  }

  private failed(): void {
    this.refused(this.page.t("form.lost"));
  }

  /** The file stays chosen: sending a large one twice only to read why it was refused helps nobody. */
  private refused(problem: string): void {
    this.box.hidden = true;
    delete this.form.dataset.sending;
    for (const button of this.form.querySelectorAll("button")) button.removeAttribute("aria-disabled");
    const place = part("[data-drop-problem]", this.form);
    place.hidden = false;
    say(place, problem);
  }

  private tell(text: string): void {
    say(part("[data-sending-words]", this.box), text);
  }
}

/** Takes over every drop zone, and every form that wants its upload followed (`data-send`, answered by `{"next": …}`). */
export function startDrops(page: Page): void {
  for (const box of document.querySelectorAll<HTMLElement>("[data-drop]")) new Drop(box, page);
  for (const form of document.querySelectorAll<HTMLFormElement>("form[data-send]")) new Sending(form, page);
}
