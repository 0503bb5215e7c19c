// Keeping what was edited: once however long the key is held, never over what somebody else saved meanwhile.
import { post, Refused, within } from "../answers";
import { element } from "../elements";
import { type Page, part } from "../page";
import { problemWords } from "./asking";
import { keep } from "./picture";
import type { Board } from "./shapes";

/** Whoever waits so long for an answer gets the button back. */
const PATIENCE_MS = 30_000;

interface Saved {
  readonly version: number;
  readonly href: string;
}

export class Saving {
  private version: number;
  private saved: Board;
  private running = false;
  private leaving = false;

  constructor(
    private readonly box: HTMLElement,
    private readonly page: Page,
    /** the board as it is now */
    private readonly board: () => Board,
  ) {
    this.version = Number(box.dataset.version ?? 0);
    this.saved = board();
    part("[data-save]", box).addEventListener("click", () => void this.save());
    addEventListener("beforeunload", (event) => {
      if (this.isChanged && !this.leaving) event.preventDefault();
    });
    // the way back from the board that was saved may lead to this very page, which takes it for saved and left
    addEventListener("pageshow", (event) => {
      if (event.persisted && this.leaving) location.reload();
    });
  }

  get isChanged(): boolean {
    return JSON.stringify(this.board()) !== JSON.stringify(this.saved);
  }

  /** Saves as the successor of `version`, and goes to the board. */
  async save(version = this.version): Promise<void> {
    if (this.running) return; // a key held down must not make a new board twice
    this.running = true;
    const message = part("[data-message]", this.box);
    const button = part<HTMLButtonElement>("[data-save]", this.box);
    button.setAttribute("aria-disabled", "true");
    message.replaceChildren();
    message.hidden = true;
    try {
      let href = await this.send(version);
      // what was typed while it was sent is kept too
      while (this.isChanged) href = await this.send(this.version);
      this.leaving = true;
      location.href = href;
    } catch (problem) {
      const newest = problem instanceof Refused && (problem.status === 409 || problem.status === 412) ? await this.newest() : 0;
      if (newest > 0) this.tellConflict(message, newest);
      else this.tellRefused(message, problem);
      message.hidden = false;
      message.focus();
    } finally {
      button.removeAttribute("aria-disabled");
      this.running = this.leaving;
    }
  }

  /** Sends the board as it is now; answers where it is shown. */
  private async send(version: number): Promise<string> {
    const { dataset } = this.box;
    const body = this.board();
    const response = await post(dataset.save ?? "", { version, body }, within(PATIENCE_MS));
    const saved = (await response.json()) as Saved;
    this.version = saved.version;
    this.saved = body;
    // one that was new is there now: it is not made a second time, also not by going back to this page
    [dataset.save, dataset.view, dataset.body] = [saved.href, saved.href, `${saved.href}.json`];
    history.replaceState(null, "", `${saved.href}/edit`);
    return saved.href;
  }

  /** What to do, and a way to take along what was made where the board can't be saved at all. */
  private tellRefused(message: HTMLElement, problem: unknown): void {
    const { t } = this.page;
    const file = element("button", { type: "button", class: "button" }, t("board.file"));
    const board = this.board();
    file.addEventListener("click", () => keep(new Blob([JSON.stringify(this.board(), null, 2)], { type: "application/json" }), `${board.key || "board"}.json`));
    // in another window, or what was made would be left
    const login = element("a", { class: "button primary", href: "/login", target: "_blank" }, t("nav.login"));
    const ways = [...(problem instanceof Refused && problem.status === 401 ? [login] : []), file];
    message.className = "message error";
    message.replaceChildren(element("div", { class: "stack-tight" }, element("span", {}, problemWords(problem) ?? t("board.save_failed")), element("div", { class: "inline" }, ...ways)));
  }

  /** Somebody saved meanwhile: look at theirs, or put one's own over it. Nothing is lost until that is decided. */
  private tellConflict(message: HTMLElement, newest: number): void {
    const { t } = this.page;
    const over = element("button", { type: "button", class: "button grave" }, t("board.conflict_over"));
    over.addEventListener("click", () => void this.save(newest));
    const look = element("a", { class: "button", href: this.box.dataset.view ?? "", target: "_blank" }, t("board.conflict_look"));
    const ways = element("div", { class: "inline" }, look, over);
    message.className = "message warn";
    message.replaceChildren(element("div", { class: "stack-tight" }, element("strong", {}, t("board.conflict")), element("span", {}, t("board.conflict_text", { n: newest })), ways));
  }

  /** The version that is kept now; 0 where that can't be found out. */
  private async newest(): Promise<number> {
    const { body } = this.box.dataset;
    if (body === undefined || body === "") return 0;
    const theirs = await fetch(body, { headers: { Accept: "application/json" }, signal: within(PATIENCE_MS) }).catch(() => undefined);
    return Number(/-(\d+)"?$/.exec(theirs?.headers.get("ETag") ?? "")?.[1] ?? 0);
  }
}
