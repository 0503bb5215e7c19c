// Forms with photos: shrink, send with progress, and lose nothing when the network goes away.
import { type Page, say } from "./page";
import { putFiles, shrinkAll } from "./shrink";

class UploadForm {
  private readonly input: HTMLInputElement | null;
  private readonly bar: HTMLProgressElement | null;
  private readonly words: HTMLElement | null;
  private shrinking: Promise<void> = Promise.resolve();
  private readonly labelAtFirst: string;
  /** "": follow the answer's address; "json": load this page again; "stay": remain, for the next photo. */
  private readonly mode: string;
  private sending = false;
  /** What is on its way, and what was chosen since: who takes photo after photo does not wait for a slow line. */
  private going: readonly File[] = [];
  private waiting: readonly File[] = [];
  private total = 0;

  constructor(
    private readonly form: HTMLFormElement,
    private readonly page: Page,
  ) {
    this.input = form.querySelector("input[type=file]");
    this.bar = form.querySelector("progress");
    this.words = form.querySelector("[data-upload-words]");
    this.mode = form.dataset.upload ?? "";
    this.labelAtFirst = form.querySelector("[data-file-words]")?.textContent ?? "";
    this.input?.addEventListener("change", () => this.chosen());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.send();
    });
  }

  private chosen(): void {
    const files = [...(this.input?.files ?? [])];
    const { t } = this.page;
    if (files.length > 0) this.label(t("photo.chosen", { n: files.length }));
    const meanwhile = this.sending;
    // one choice after the other: an earlier one that took longer must not take the place of this one
    this.shrinking = this.shrinking.then(() => this.makeSmaller(files, meanwhile));
    if (this.form.dataset.uploadNow !== undefined && files.length > 0) void this.send();
  }

  private async makeSmaller(chosen: readonly File[], meanwhile: boolean): Promise<void> {
    if (!meanwhile) this.tell(this.page.t("photo.shrinking"));
    const files = await shrinkAll(chosen);
    if (meanwhile) {
      this.waiting = [...this.waiting, ...files];
      return;
    }
    this.put(files);
    this.preview(files[0]);
    this.tell("");
  }

  private put(files: readonly File[]): void {
    if (this.input !== null) putFiles(this.input, files);
  }

  private preview(file: File | undefined): void {
    const picture = this.form.querySelector<HTMLImageElement>("[data-preview]");
    if (picture === null) return;
    if (picture.src.startsWith("blob:")) URL.revokeObjectURL(picture.src);
    picture.hidden = file === undefined;
    if (file !== undefined) picture.src = URL.createObjectURL(file);
  }

  private async send(): Promise<void> {
    if (this.sending) return;
    this.sending = true;
    await this.shrinking;
    const request = new XMLHttpRequest();
    request.open("POST", this.form.action);
    request.upload.addEventListener("progress", (event) => {
      const percent = event.lengthComputable ? Math.round((100 * event.loaded) / event.total) : 0;
      this.progress(percent);
    });
    request.addEventListener("load", () => void this.arrived(request));
    request.addEventListener("error", () => this.failed());
    request.addEventListener("timeout", () => this.failed());
    request.timeout = 120_000;
    this.progress(0);
    if (this.mode !== "") request.setRequestHeader("Accept", "application/json");
    this.going = [...(this.input?.files ?? [])];
    request.send(new FormData(this.form));
  }

  private async arrived(request: XMLHttpRequest): Promise<void> {
    if (request.status >= 400) {
      // Let the server show its page with what it did not like; it keeps every word that was typed.
      this.putBack();
      this.form.submit();
      return;
    }
    this.total += this.going.length;
    if (this.mode !== "" && (await this.sendRest())) return;
    if (this.mode === "stay") {
      this.saved();
      return;
    }
    this.tell(this.page.t("photo.saving"));
    if (this.mode === "json") location.reload();
    else location.assign(request.responseURL);
  }

  /** Sends what was chosen while other photos were on their way; whether there was any. */
  private async sendRest(): Promise<boolean> {
    for (let before: unknown; before !== this.shrinking; ) {
      before = this.shrinking;
      await before;
    }
    if (this.waiting.length === 0) return false;
    this.put(this.waiting);
    this.waiting = [];
    this.sending = false;
    void this.send();
    return true;
  }

  /** What did not arrive stands in the field again, with what was chosen since. */
  private putBack(): void {
    const files = [...this.going, ...this.waiting];
    this.put(this.input?.multiple === true ? files : files.slice(-1));
    this.waiting = [];
  }

  private saved(): void {
    this.sending = false;
    if (this.bar !== null) this.bar.hidden = true;
    if (this.input !== null) this.input.value = "";
    this.tell(this.page.t("photo.saved", { n: this.total }));
    this.label(this.labelAtFirst);
  }

  private failed(): void {
    this.sending = false;
    this.putBack();
    if (this.bar !== null) this.bar.hidden = true;
    this.tell(this.page.t("photo.failed"));
    const button = this.form.querySelector<HTMLElement>("[data-upload-button]");
    if (button !== null) button.classList.add("again");
  }

  private progress(percent: number): void {
    if (this.bar !== null) {
      this.bar.hidden = false;
      this.bar.value = percent;
    }
    const { t } = this.page;
    this.tell(percent < 100 ? t("photo.sending", { percent }) : t("photo.saving"));
  }

  private label(text: string): void {
    const label = this.form.querySelector("[data-file-words]");
    if (label !== null) say(label, text);
  }

  private tell(text: string): void {
    if (this.words !== null) say(this.words, text);
  }
}

/** Takes over every upload form of the page; without scripts they are ordinary forms. */
export function startUploads(page: Page): void {
  document.body.classList.add("scripted");
  for (const form of document.querySelectorAll<HTMLFormElement>("form[data-upload]")) new UploadForm(form, page);
}
