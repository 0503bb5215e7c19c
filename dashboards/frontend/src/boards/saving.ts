// Keeping what was edited: once however long the key is held, never over what somebody else saved meanwhile.
import { post, Refused } from "../answers";
import { element } from "../elements";
import { type Page, part } from "../page";
import type { Board } from "./shapes";

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
  }

  get isChanged(): boolean {
    return JSON.stringify(this.board()) !== JSON.stringify(this.saved);
  }

  /** Saves as the successor of `version`, and goes to the board. */
  async save(version = this.version): Promise<void> {
    if (this.running) return; // a key held down must not make a new board twice
    this.running = true;
    const { t } = this.page;
    const message = part("[data-message]", this.box);
    const button = part<HTMLButtonElement>("[data-save]", this.box);
    button.setAttribute("aria-disabled", "true");
    message.replaceChildren();
    message.hidden = true;
    const body = this.board();
    try {
      const response = await post(this.box.dataset.save ?? "", { version, body });
      const saved = (await response.json()) as Saved;
      this.version = saved.version;
      this.saved = body;
      this.leaving = true;
      location.href = saved.href;
    } catch (problem) {
      message.hidden = false;
      if (problem instanceof Refused && (problem.status === 409 || problem.status === 412)) await this.tellConflict(message);
      else {
        message.className = "message error";
        message.replaceChildren(element("span", {}, problem instanceof Refused ? problemWords(problem) : t("board.save_failed")));
      }
      message.focus();
    } finally {
      button.removeAttribute("aria-disabled");
      this.running = this.leaving;
    }
  }

  /** Somebody saved meanwhile: look at theirs, or put one's own over it. Nothing is lost until that is decided. */
  private async tellConflict(message: HTMLElement): Promise<void> {
    const { t } = this.page;
    const theirs = await fetch(this.box.dataset.body ?? "", { headers: { Accept: "application/json" } }).catch(() => undefined);
    const newest = Number(/-(\d+)"?$/.exec(theirs?.headers.get("ETag") ?? "")?.[1] ?? 0);
    const over = element("button", { type: "button", class: "button grave" }, t("board.conflict_over"));
    over.addEventListener("click", () => void this.save(newest));
    const look = element("a", { class: "button", href: this.box.dataset.view ?? "", target: "_blank" }, t("board.conflict_look"));
    const ways = element("div", { class: "inline" }, look, ...(newest > 0 ? [over] : []));
    message.className = "message warn";
    message.replaceChildren(element("div", { class: "stack-tight" }, element("strong", {}, t("board.conflict")), element("span", {}, t("board.conflict_text", { n: newest })), ways));
  }
}

export function problemWords(problem: Refused): string {
  const errors = problem.problem?.errors ?? [];
  return errors.length === 0 ? problem.message : errors.map((each) => `${each.field}: ${each.problem}`).join(" · ");
}
