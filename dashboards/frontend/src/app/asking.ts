// The forms. Each is a draft from its first letter: a killed tab, a call or a dead battery loses nothing.
// words: move.accept move.secure move.hand_back move.note move.return move.check move.verify move.request_extension move.self_handle move.decline move.file move.rework move.close
import { cityNow } from "../clock";
import { decimalsOf, quantity } from "../format";
import { missing, MOST_PICTURES, roomFor } from "./forms";
import { named, type DraftKept } from "./kept";
import type { App, Shown } from "./main";
import { madeSmaller, thumb } from "./pictures";
import { moveWord, troubleWords } from "./screens";
import type { Draft, Move, Picture, PictureOf } from "./shapes";
import { beside, button, clockOf, icon, make, message, moment, span, type Child } from "./ui";

const SAVE_AFTER_MS = 250;
const PEOPLE = [1, 2, 3, 4, 5, 6];
const HEARTBEATS_S = [60, 600, 3600, 21_600, 86_400];

class Form {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private turn: Promise<unknown> = Promise.resolve();
  /** It was changed, handed in or removed in another window: what is written here is not kept any more. */
  private overtaken = false;
  private offered: Readonly<Record<string, string>> = {};
  /** Pictures that are still being made smaller: what is handed in waits for them. */
  private shrinking: Promise<unknown> = Promise.resolve();
  private madeForPicture = false;
  readonly box = make("form", { class: "asking stack", novalidate: "" });
  /** Where it is said that nothing could be kept; it stays in sight. */
  readonly trouble = make("div", { role: "alert" });

  constructor(
    readonly app: App,
    public draft: Draft,
    private readonly scanned: boolean,
    /** The `changed_ms` of what the phone keeps of it; undefined: nothing yet. */
    private known: number | undefined,
  ) {
    this.box.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.submit();
    });
  }

  get move(): Move | undefined {
    const { case_id, move } = this.draft.subject;
    if (case_id === undefined) return undefined;
    const task = this.app.state.task(case_id);
    const all = [...(task?.moves ?? []), ...Object.values(task?.then ?? {}).flat()];
    return all.find((one) => one.name === move);
  }

  value(name: string): string {
    return this.draft.fields[name] ?? "";
  }

  set(name: string, value: string, now = false): void {
    this.draft = { ...this.draft, fields: { ...this.draft.fields, [name]: value }, changed_ms: cityNow() };
    clearTimeout(this.timer);
    if (now) void this.save();
    else this.timer = setTimeout(() => void this.save(), SAVE_AFTER_MS);
  }

  /** False where it could not be kept: the form says so, and still holds every word. `anyway`: also what is the same, or empty. */
  save(anyway = false): Promise<boolean> {
    clearTimeout(this.timer);
    return this.inTurn(() => this.keep(anyway));
  }

  /** One keeping after the other: each must know what the one before left. */
  private inTurn<T>(does: () => Promise<T>): Promise<T> {
    const done = this.turn.then(does);
    this.turn = done.catch(() => undefined);
    return done;
  }

  private async keep(anyway: boolean): Promise<boolean> {
    if (this.app.isGone(this.draft.id)) return true;
    if (this.overtaken) return false;
    // a draft that was emptied stays one, or its old words would come back
    const same = this.known === undefined ? this.empty : this.known === this.draft.changed_ms;
    if (same && !anyway) return true;
    try {
      return this.told(await this.put(this.draft));
    } catch {
      this.notKept("app.draft_not_kept");
      return false;
    }
  }

  private async put(draft: Draft, picture?: Picture): Promise<DraftKept> {
    const kept = await this.app.keepDraft(draft, picture, this.known);
    if (kept === "kept") this.known = draft.changed_ms;
    return kept;
  }

  /** Whether it was kept; where another window overtook this one the form says so. */
  private told(kept: DraftKept): boolean {
    this.overtaken = kept !== "kept";
    if (kept === "changed") this.trouble.replaceChildren(message(3, this.app.page.t("app.draft_elsewhere"), button(this.app.page.t("app.show_newer"), () => void this.app.show())));
    else if (kept === "gone") this.notKept("app.draft_gone");
    else this.trouble.replaceChildren();
    return kept === "kept";
  }

  private get empty(): boolean {
    const own = Object.entries(this.draft.fields).filter(([name, value]) => value.trim() !== "" && value !== this.offered[name]);
    return own.length === 0 && this.draft.pictures.length === 0;
  }

  /** Another screen comes: the last letters are kept, and a draft that was only made for a picture that nobody took goes. */
  async leave(): Promise<void> {
    await this.save();
    void this.shrinking.then(async () => {
      const unused = this.madeForPicture && this.empty && this.known !== undefined;
      if (unused && !this.overtaken && !this.app.isGone(this.draft.id)) await this.app.removeDraft(this.draft);
    });
  }

  private notKept(words: string): void {
    this.trouble.replaceChildren(message(3, this.app.page.t(words)));
  }

  /** Values that are usual; a form with nothing else in it is no draft yet. */
  offer(usual: Readonly<Record<string, string>>): void {
    this.offered = usual;
    this.draft = { ...this.draft, fields: { ...usual, ...this.draft.fields } };
  }

  text(name: string, label: string, attributes: Record<string, string> = {}, long = false): HTMLElement {
    const input = long ? make("textarea", { class: "input", id: name, rows: "3", maxlength: "1000", ...attributes }) : make("input", { class: "input", id: name, maxlength: "60", autocomplete: "off", ...attributes });
    input.value = this.value(name);
    input.addEventListener("input", () => this.set(name, input.value));
    return make("div", { class: "field", "data-field": name }, make("label", { for: name }, label), input);
  }

  choices(name: string, label: string, among: readonly (readonly [string, string])[], other = ""): HTMLElement {
    const row = make("div", { class: among.some(([, words]) => words.length > 8) ? "choices wide" : "choices", role: "group", "aria-label": label });
    const made = among.map(([value, words]) => {
      const one = button(words, () => {
        this.set(name, this.value(name) === value ? "" : value, true);
        for (const [at, each] of made.entries()) each.setAttribute("aria-pressed", String(among[at]?.[0] === this.value(name)));
        if (field !== undefined) field.value = "";
      }, "choice");
      one.setAttribute("aria-pressed", String(this.value(name) === value));
      return one;
    });
    row.append(...made);
    const field = other === "" ? undefined : make("input", { class: "input", "aria-label": other, placeholder: other, maxlength: "200" });
    if (field !== undefined) {
      if (!among.some(([value]) => value === this.value(name))) field.value = this.value(name);
      field.addEventListener("input", () => {
        this.set(name, field.value);
        for (const each of made) each.setAttribute("aria-pressed", "false");
      });
    }
    return make("div", { class: "field", "data-field": name }, make("span", { class: "label-text" }, label), row, field);
  }

  select(name: string, label: string, among: readonly (readonly [string, string])[]): HTMLElement {
    const select = make("select", { class: "input", id: name }, ...among.map(([value, words]) => make("option", { value }, words)));
    select.value = this.value(name);
    select.addEventListener("change", () => this.set(name, select.value, true));
    return make("div", { class: "field", "data-field": name }, make("label", { for: name }, label), select);
  }

  /** Pictures: taken now, seen at once, taken away again with one tap. */
  pictures(kind: PictureOf["kind"], label: string): HTMLElement {
    const { t } = this.app.page;
    const shown = make("div", { class: "thumbs" });
    const input = make("input", { class: "unseen", type: "file", accept: "image/*", capture: "environment", multiple: "", id: `pictures-${kind}` });
    const words = make("p", { class: "soft small", role: "status" });
    // many phones end the page while their camera is open: what it comes back to must be there
    input.addEventListener("click", () => {
      if (this.known !== undefined) return;
      this.madeForPicture = this.empty;
      void this.save(true);
    });
    const draw = async (): Promise<void> => {
      const some = this.draft.pictures.filter((one) => one.kind === kind);
      const made = await Promise.all(
        some.map(async (one, at) => {
          const image = await thumb(this.app.state.store, one.id, t("app.picture"));
          const away = button("", () => void this.removePicture(one).then(draw), "quiet", "cross");
          away.setAttribute("aria-label", t("app.remove_picture", { n: at + 1 }));
          return make("span", { class: "thumb" }, image, away);
        }),
      );
      shown.replaceChildren(...made);
    };
    input.addEventListener("change", () => {
      words.textContent = t("photo.shrinking");
      const files = [...(input.files ?? [])];
      const before = this.shrinking;
      this.shrinking = (async () => {
        await before;
        try {
          const room = roomFor(this.draft, files.length);
          for (const file of files.slice(0, room)) {
            const [picture, name] = await madeSmaller(file, kind, new Date(cityNow()));
            await this.addPicture(picture, name);
          }
          words.textContent = files.length > room ? t("app.pictures_most", { n: MOST_PICTURES }) : "";
        } catch {
          words.textContent = t("app.picture_not_kept");
        }
        input.value = "";
        await draw();
      })();
    });
    void draw();
    const ask = make("label", { class: "button big", for: `pictures-${kind}` }, icon("camera"), label);
    return make("div", { class: "field", "data-field": "pictures" }, input, ask, words, shown);
  }

  private addPicture(picture: Picture, named: PictureOf): Promise<void> {
    return this.inTurn(async () => {
      if (this.app.isGone(this.draft.id)) return;
      this.draft = { ...this.draft, pictures: [...this.draft.pictures, named], changed_ms: cityNow() };
      let kept = false;
      try {
        kept = this.told(await this.put(this.draft, picture));
      } finally {
        if (!kept) this.draft = { ...this.draft, pictures: this.draft.pictures.filter((one) => one.id !== named.id) };
      }
    });
  }

  private async removePicture(one: PictureOf): Promise<void> {
    if (this.app.isGone(this.draft.id)) return;
    this.draft = { ...this.draft, pictures: this.draft.pictures.filter((each) => each.id !== one.id), changed_ms: cityNow() };
    if (await this.save()) await this.app.state.store.delete("pictures", one.id);
  }

  private async submit(): Promise<void> {
    await this.shrinking;
    // also what is the same: nothing is handed in from a window that another one overtook
    const kept = await this.save(this.known !== undefined);
    if (this.overtaken) return;
    this.draft = named(this.draft, await this.app.state.store.get("drafts", this.draft.id).catch(() => undefined));
    const field = missing(this.draft, this.move, this.scanned);
    this.box.querySelector(".message.error")?.remove();
    if (field === "") {
      try {
        if (kept) await this.app.submit(this.draft);
        else this.notKept("app.act_not_kept");
      } catch {
        this.notKept("app.act_not_kept");
      }
      return;
    }
    const place = this.box.querySelector<HTMLElement>(`[data-field="${field}"]`);
    const word = field === "quantity" || field.startsWith("point.") ? "number" : field;
    const said = message(3, this.app.page.t("app.missing." + word));
    (place ?? this.box).prepend(said);
    said.scrollIntoView({ block: "center" });
    place?.querySelector<HTMLElement>("input:not(.unseen), textarea, select, button")?.focus();
  }
}

export async function draftScreen(app: App, id: string): Promise<Shown> {
  const kept = await app.state.store.get("drafts", id);
  // what the phone could not keep is newer than what it keeps
  const fresh = app.fresh?.id === id && app.fresh.changed_ms >= (kept?.changed_ms ?? 0) ? app.fresh : undefined;
  const draft = fresh ?? kept;
  const { t } = app.page;
  if (draft === undefined || !app.state.mine(draft)) return { nodes: [message(1, t("app.draft_gone"))] };
  const scanned = draft.subject.asset_id !== undefined && (await app.state.scanned(draft.subject.asset_id)) !== undefined;
  const form = new Form(app, draft, scanned, kept?.changed_ms);
  const title = draft.kind === "move" ? moveWord(app, draft.subject.move ?? "note") : t("app.kind." + draft.kind);
  const offline = navigator.onLine ? "" : t("app.will_wait");
  form.box.append(...(await fieldsOf(form, scanned)).filter((one): one is HTMLElement => one instanceof Node));
  const send = button(t(offline === "" ? "app.send" : "app.keep_and_send"), () => form.box.requestSubmit(), "primary big", "send");
  form.box.append(make("div", { class: "sticky" }, form.trouble, offline !== "" && make("p", { class: "soft small" }, offline), send));
  const nodes = [make("h1", {}, title), make("p", { class: "soft" }, draft.about), ...refusalOf(app, draft), ...newsFor(form), form.box];
  return { nodes, end: () => form.leave(), save: () => form.save() };
}

/** Why it is a form again: what the server said when it was sent. */
function refusalOf(app: App, draft: Draft): Node[] {
  const act = app.state.acts.find((one) => one.id === draft.id && one.state === "editing");
  if (act === undefined) return [];
  const { t } = app.page;
  const said = troubleWords(app, act);
  return [message(2, make("p", {}, said === "" ? t("app.changed_since") : `${t("app.refused")} ${said}`), make("p", { class: "soft" }, t("app.done_at", { time: clockOf(act.done_at, app.page) }), " ", beside(act.done_at, app.page)))];
}

/** What others changed of the case since the form was opened; the writer goes on from there when they have seen it. */
function newsFor(form: Form): Node[] {
  const { app, draft } = form;
  const { t } = app.page;
  const task = draft.subject.case_id === undefined ? undefined : app.state.task(draft.subject.case_id);
  const seen = app.state.seenOf(draft.subject.case_id);
  if (draft.kind !== "move" || draft.seen === undefined) return [];
  if (task === undefined) return app.state.carried === undefined ? [] : [message(2, t("app.not_yours_now"))];
  if (!app.state.changedSince(draft) || seen === undefined) return [];
  const box = message(2, make("strong", {}, t("app.changed_since")), make("p", {}, t("app.now_stage", { stage: t(`stage.${task.case.stage}`) })), task.said !== "" && make("p", {}, task.said));
  const goOn = button(t("app.go_on"), () => {
    form.draft = { ...form.draft, seen, changed_ms: cityNow() };
    void form.save();
    box.remove();
  }, "", "check");
  box.lastElementChild?.append(goOn);
  return [box];
}

async function fieldsOf(form: Form, scanned: boolean): Promise<Child[]> {
  const { app, draft } = form;
  const { page, state } = app;
  const { t, language } = page;
  const asset = draft.subject.asset_id === undefined ? undefined : await state.asset(draft.subject.asset_id);
  const family = asset?.family ?? "cover";
  switch (draft.kind) {
    case "report": {
      const kinds = Object.entries(state.carried?.kinds ?? {}).filter(([, kind]) => !kind.retired && (kind.family === family || kind.family === "other"));
      const first = kinds.slice(0, 12).map(([key, kind]) => [key, kind[language]] as const);
      // which kinds it can have is known once the plate's thing is
      return [asset !== undefined && form.choices("kind", t("app.what_kind"), first), form.text("text", t("app.what_wrong"), {}, true), form.pictures("", t("app.take_picture"))];
    }
    case "permit": {
      const works = (state.carried?.works[family] ?? []).map((key) => [t(key), t(key)] as const);
      const minutes = (state.carried?.minutes ?? [30, 60]).map((each) => [String(each), span(each, page)] as const);
      return [
        form.choices("work", t("permit.what"), works, t("permit.other_work")),
        form.choices("people", t("permit.how_many"), PEOPLE.map((n) => [String(n), String(n)] as const)),
        form.choices("minutes", t("permit.how_long"), minutes),
        scanned ? message(0, t("app.scanned_here")) : form.text("note", t("app.why_not_scanned"), { maxlength: "500" }, true),
      ];
    }
    case "permit_prolong":
      return [form.choices("minutes", t("permit.how_long"), [15, 30, 60, 120].map((each) => [String(each), span(each, page)] as const))];
    case "permit_end":
      return [message(2, t("app.closed_sure")), form.pictures("after", t("app.take_after")), form.text("note", t("case.note_optional"), { maxlength: "500" }, true)];
    case "move":
      return moveFields(form);
    case "picture":
      return [form.pictures("near", t("app.take_near")), form.pictures("far", t("app.take_far"))];
    case "fit": {
      const profiles = (state.carried?.profiles ?? []).map((one) => [one.name, one[language === "zh" ? "zh" : "en"]] as const);
      const own = { cover: "cc-cover-1", light: "cc-pole-1", other: "cc-cover-1" }[family];
      form.offer({ profile: own, heartbeat_s: "600" });
      return [form.text("serial", t("app.serial")), form.select("profile", t("app.profile"), profiles), form.select("heartbeat_s", t("app.heartbeat"), HEARTBEATS_S.map((s) => [String(s), span(s / 60, page)] as const)), form.text("cabinet_id", t("app.cabinet"), { maxlength: "40" }), form.text("note", t("case.note_optional"), { maxlength: "500" }, true)];
    }
    case "swap":
      return [form.text("serial", t("app.new_serial")), form.text("reason", t("app.reason"), { maxlength: "500" }, true)];
    case "rezero": {
      const device = asset?.devices.find((one) => one.id === draft.subject.device_id);
      const zeroed = new Set(state.carried?.zeroed ?? []);
      const points = (device?.points ?? []).filter((point) => zeroed.has(point.name));
      const rows = points.map((point) => {
        const unit = point.unit === "1" ? "" : t(`unit.${point.unit}`);
        const row = form.text(`point.${point.name}`, `${t(`point.${point.name}`)} (${unit})`, { inputmode: "decimal", maxlength: "20" });
        const now = point.value;
        const take = now === null ? undefined : button(t("app.take_value", { value: quantity(now, decimalsOf(point.name), unit) }), () => {
          const input = row.querySelector("input");
          if (input !== null) input.value = now.toFixed(decimalsOf(point.name));
          form.set(`point.${point.name}`, now.toFixed(decimalsOf(point.name)), true);
        }, "", "check");
        if (take !== undefined) row.append(take);
        if (take !== undefined && point.measured_at !== null) row.append(make("span", { class: "soft small" }, t("app.measured"), " ", moment(point.measured_at, page)));
        return row;
      });
      return [make("div", { class: "stack", "data-field": "point" }, ...rows), form.text("reason", t("app.reason"), { maxlength: "500" }, true)];
    }
  }
}

function moveFields(form: Form): Child[] {
  const { app, move, draft } = form;
  const { t } = app.page;
  const task = draft.subject.case_id === undefined ? undefined : app.state.task(draft.subject.case_id);
  const unit = task === undefined ? "" : (app.state.carried?.kinds[task.case.kind]?.unit ?? "");
  return [
    move?.verdict_required === true && form.choices("passed", t("case.verdict"), [["1", t("case.is_there")], ["0", t("case.is_not_there")]]),
    move?.before_and_after === true && form.pictures("before", t("case.photo_before")),
    move?.name !== "accept" && form.pictures(move?.before_and_after === true || move?.name === "hand_back" ? "after" : "", t("app.take_picture")),
    move?.name === "hand_back" && form.text("quantity", unit === "" ? t("case.quantity") : t("app.quantity", { unit }), { inputmode: "decimal", maxlength: "12" }),
    form.text("note", t(move?.note_required === true ? "case.reason" : move?.note_or_photo === true ? "case.note_or_photo" : "case.note_optional"), { maxlength: "2000" }, true),
  ];
}
