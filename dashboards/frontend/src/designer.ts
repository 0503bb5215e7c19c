// The label designer: a live picture that the server draws, handles over it, and the properties of the chosen part.
// Everything can be done with the keyboard: the list of parts is a set of radio buttons, arrows move what has the focus.
import { type Problem, refusal, Refused } from "./answers";
import { element } from "./elements";
import {
  type Box,
  boxOf,
  cornersOf,
  Course,
  type Json,
  type LabelPart,
  moved,
  partAt,
  type PartKind,
  partsOf,
  placeOfProblem,
  PROPERTIES,
  type Property,
  reordered,
  resized,
  type Template,
  valueAt,
  withoutPart,
  withPart,
  withValue,
} from "./label_model";
import { part, type Page, say, thisPage } from "./page";

interface Preview {
  readonly svg: string;
  readonly problems: Problem["errors"];
  readonly remarks: readonly string[];
  readonly symbol: string;
}

const WAIT_MS = 200;
const ADDED: readonly PartKind[] = ["text", "arc", "line", "box", "logo", "hole", "sheet", "roll"];

class Designer {
  private readonly course: Course;
  private chosen: LabelPart = { path: "", kind: "label" };
  private readonly root = part("[data-designer]");
  private readonly picture = part<HTMLImageElement>("[data-picture]");
  private readonly stage = part("[data-stage]");
  private readonly handles = part("[data-handles]");
  private readonly list = part("[data-parts]");
  private readonly properties = part("[data-properties]");
  private readonly body = part<HTMLTextAreaElement>("textarea[name=template]");
  private readonly sample = part<HTMLSelectElement>("[data-sample]");
  private readonly form = part<HTMLFormElement>("[data-save]");
  private readonly draftKey: string;
  private readonly saved: string;
  private problems: Problem["errors"] = [];
  private waiting = 0;
  private asked: AbortController | undefined;

  constructor(private readonly page: Page) {
    this.saved = JSON.stringify(JSON.parse(this.body.value));
    this.course = new Course(JSON.parse(this.body.value) as Template);
    this.draftKey = `label-draft:${location.pathname}`;
    this.bind();
    this.offerDraft();
    this.showAll();
    void this.preview();
  }

  private get template(): Template {
    return this.course.template;
  }

  private get dirty(): boolean {
    return JSON.stringify(this.template) !== this.saved;
  }

  private bind(): void {
    part("[data-text-form]").hidden = true;
    this.root.hidden = false;
    this.sample.addEventListener("change", () => void this.preview());
    this.picture.addEventListener("load", () => this.showHandles());
    new ResizeObserver(() => this.showHandles()).observe(this.picture);
    part("[data-undo]").addEventListener("click", () => this.back());
    part("[data-redo]").addEventListener("click", () => this.forth());
    const added = part<HTMLSelectElement>("[data-add]");
    added.addEventListener("change", () => {
      if (added.value !== "") this.add(added.value as PartKind);
      added.value = "";
    });
    document.addEventListener("keydown", (event) => this.shortcut(event));
    this.form.addEventListener("submit", () => localStorage.removeItem(this.draftKey));
    addEventListener("beforeunload", (event) => {
      if (this.dirty && this.form.dataset.sending === undefined) event.preventDefault();
    });
    for (const form of document.querySelectorAll<HTMLFormElement>("form[data-proof]")) {
      form.addEventListener("submit", () => {
        part<HTMLInputElement>("input[name=template]", form).value = JSON.stringify(this.template);
        part<HTMLInputElement>("input[name=sample]", form).value = this.sample.value;
        // a download leaves this page where it is: the buttons must work again
        setTimeout(() => dispatchEvent(new Event("pageshow")));
      });
    }
  }

  /** What was not saved when the page was closed comes back, if the person wants it. */
  private offerDraft(): void {
    const draft = localStorage.getItem(this.draftKey);
    const offer = part("[data-draft]");
    if (draft === null || draft === this.saved) return;
    offer.hidden = false;
    part("[data-draft-take]", offer).addEventListener("click", () => {
      offer.hidden = true;
      this.change(JSON.parse(draft) as Template);
    });
    part("[data-draft-drop]", offer).addEventListener("click", () => {
      offer.hidden = true;
      localStorage.removeItem(this.draftKey);
    });
  }

  private change(next: Template, mark = ""): void {
    this.course.change(next, mark);
    this.changed();
  }

  private changed(): void {
    this.chosen = partAt(this.template, this.chosen.path);
    this.body.value = JSON.stringify(this.template, null, 2);
    if (this.dirty) localStorage.setItem(this.draftKey, JSON.stringify(this.template));
    else localStorage.removeItem(this.draftKey);
    this.showAll();
    clearTimeout(this.waiting);
    this.waiting = window.setTimeout(() => void this.preview(), WAIT_MS);
  }

  private back(): void {
    this.course.undo();
    this.changed();
  }

  private forth(): void {
    this.course.redo();
    this.changed();
  }

  private add(kind: PartKind): void {
    const made = withPart(this.template, kind);
    this.chosen = { path: made.path, kind };
    this.change(made.template);
    this.properties.querySelector<HTMLElement>("input, select")?.focus();
  }

  private choose(chosen: LabelPart): void {
    this.chosen = chosen;
    this.showAll();
  }

  private shortcut(event: KeyboardEvent): void {
    if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
    const typing = event.target instanceof HTMLInputElement && event.target.type === "text";
    if (event.key === "s") {
      event.preventDefault();
      this.form.requestSubmit();
    } else if (typing) {
      return; // a text field undoes its own typing
    } else if (event.key === "z" && !event.shiftKey) {
      event.preventDefault();
      this.back();
    } else if (event.key === "y" || (event.key.toLowerCase() === "z" && event.shiftKey)) {
      event.preventDefault();
      this.forth();
    }
  }

  // ---- what the server says of it

  private async preview(): Promise<void> {
    this.asked?.abort();
    const asked = new AbortController();
    this.asked = asked;
    this.stage.setAttribute("aria-busy", "true");
    try {
      const response = await fetch(this.root.dataset.preview ?? "", {
        method: "POST",
        headers: { Accept: "application/json", "Content-Type": "application/json", "X-CSRFToken": part<HTMLInputElement>("input[name=csrf_token]").value },
        body: JSON.stringify({ template: this.template, sample: this.sample.value }),
        signal: asked.signal,
      });
      if (!response.ok) throw await refusal(response);
      this.drawn((await response.json()) as Preview);
    } catch (error) {
      if (asked.signal.aborted) return;
      const words = error instanceof Refused ? error.message : this.page.t("designer.no_answer");
      const errors = error instanceof Refused ? (error.problem?.errors ?? []) : [];
      this.tell(errors.length > 0 ? errors : [{ field: "", problem: words }], []);
    } finally {
      if (!asked.signal.aborted) this.stage.removeAttribute("aria-busy");
    }
  }

  private drawn(preview: Preview): void {
    if (preview.svg !== "") {
      const former = this.picture.src;
      this.picture.src = URL.createObjectURL(new Blob([preview.svg], { type: "image/svg+xml" }));
      if (former.startsWith("blob:")) URL.revokeObjectURL(former);
    }
    say(part("[data-symbol]"), preview.symbol);
    this.tell(preview.problems, preview.remarks);
  }

  private tell(problems: Problem["errors"], remarks: readonly string[]): void {
    this.problems = problems;
    const place = part("[data-problems]");
    place.replaceChildren(
      ...problems.map((problem) => this.problemLine(problem)),
      ...remarks.map((remark) => element("li", { class: "remark" }, remark)),
    );
    place.hidden = problems.length + remarks.length === 0;
    part<HTMLButtonElement>("[data-save-button]").disabled = problems.length > 0;
    this.showProperties();
  }

  private problemLine(problem: Problem["errors"][number]): HTMLElement {
    if (problem.field === "") return element("li", {}, problem.problem);
    const found = placeOfProblem(this.template, problem.field);
    const button = element("button", { type: "button", class: "link" }, `${this.nameOf(found.part)}: ${problem.problem}`);
    button.addEventListener("click", () => {
      this.choose(found.part);
      this.properties.querySelector<HTMLElement>(`[name="${CSS.escape(found.property)}"]`)?.focus();
    });
    return element("li", {}, button);
  }

  // ---- what is seen

  private showAll(): void {
    this.picture.style.borderRadius = cornersOf(this.template);
    this.showParts();
    this.showProperties();
    this.showHandles();
    part<HTMLButtonElement>("[data-undo]").disabled = !this.course.canUndo;
    part<HTMLButtonElement>("[data-redo]").disabled = !this.course.canRedo;
    say(part("[data-state]"), this.page.t(this.dirty ? "designer.unsaved" : "designer.saved"));
  }

  private nameOf(of: LabelPart): string {
    const kind = this.page.t(`designer.part.${of.kind}`);
    const field = valueAt(this.template, `${of.path}.field`);
    const index = of.path.split(".")[1];
    if (field === "text") return `${kind} “${String(valueAt(this.template, `${of.path}.text`) ?? "")}”`;
    if (typeof field === "string") {
      const foreign = valueAt(this.template, `${of.path}.language`) === "en" ? " (EN)" : "";
      return `${kind} · ${this.page.t(`designer.field.${field}`)}${foreign}`;
    }
    return index === undefined ? kind : `${kind} ${Number(index) + 1}`;
  }

  private showParts(): void {
    const focused = document.activeElement instanceof HTMLInputElement && document.activeElement.name === "part";
    const lines = partsOf(this.template).map((each) => {
      const radio = element("input", { type: "radio", name: "part", value: each.path });
      radio.checked = each.path === this.chosen.path;
      radio.addEventListener("change", () => this.choose(each));
      return element("label", { class: "part-line" }, radio, element("span", {}, this.nameOf(each)));
    });
    this.list.replaceChildren(...lines);
    if (focused) this.list.querySelector<HTMLInputElement>("input:checked")?.focus();
  }

  private showProperties(): void {
    const of = this.chosen;
    const focused = document.activeElement instanceof HTMLElement && this.properties.contains(document.activeElement);
    const name = focused ? (document.activeElement as HTMLInputElement).name : "";
    if (focused && this.properties.dataset.path === of.path && name !== "") {
      this.refresh(of); // somebody is typing: their field stays
      return;
    }
    this.properties.dataset.path = of.path;
    say(part("[data-chosen]"), this.nameOf(of));
    const shown = PROPERTIES[of.kind].filter((each) => each.name !== "text" || this.value(of, "field") === "text");
    this.properties.replaceChildren(...shown.map((each) => this.editor(of, each)), ...this.actions(of));
    this.refresh(of);
  }

  private value(of: LabelPart, name: string): Json | undefined {
    return valueAt(this.template, of.path === "" ? name : `${of.path}.${name}`);
  }

  /** Puts values and problems of the chosen part into its fields, except into the one that is being typed in. */
  private refresh(of: LabelPart): void {
    for (const field of this.properties.querySelectorAll<HTMLInputElement | HTMLSelectElement>("[name]")) {
      const value = this.value(of, field.name);
      if (field !== document.activeElement) {
        if (field instanceof HTMLInputElement && field.type === "checkbox") field.checked = value === true;
        else field.value = value === undefined || value === null ? "" : String(value);
      }
      const wrong = this.problems.find((problem) => {
        const place = placeOfProblem(this.template, problem.field);
        return place.part.path === of.path && place.property === field.name;
      });
      field.setAttribute("aria-invalid", String(wrong !== undefined));
      const said = this.properties.querySelector(`[data-problem-of="${CSS.escape(field.name)}"]`);
      if (said !== null) say(said, wrong?.problem ?? "");
    }
  }

  private editor(of: LabelPart, property: Property): HTMLElement {
    const { t } = this.page;
    const id = `property-${property.name}`;
    const label = element("label", { for: id }, t(`designer.p.${property.name}`));
    const field = this.field(property, id);
    const set = (value: Json | undefined): void => {
      const path = of.path === "" ? property.name : `${of.path}.${property.name}`;
      this.change(withValue(this.template, path, value), `type:${path}`);
    };
    field.addEventListener("input", () => {
      if (field instanceof HTMLInputElement && field.type === "checkbox") set(field.checked);
      else if (property.editor !== "number") set(field.value);
      else if (field.value !== "" && Number.isFinite(Number(field.value))) set(Number(field.value));
    });
    if (property.name === "field") field.addEventListener("change", () => this.fieldChosen(of, field.value));
    const line = element("div", { class: property.editor === "check" ? "field check-field" : "field" }, label);
    line.append(property.unit === undefined ? field : element("span", { class: "with-unit" }, field, element("span", { class: "unit" }, property.unit)));
    if (property.editor === "colour") line.append(element("p", { class: "hint" }, t("designer.colour_help")));
    line.append(element("p", { class: "problem", "data-problem-of": property.name }));
    return line;
  }

  /** Free text belongs to the field "text" only. */
  private fieldChosen(of: LabelPart, field: string): void {
    const text = field === "text" ? (this.value(of, "text") ?? "CoverCode") : undefined;
    const next = withValue(this.template, `${of.path}.field`, field);
    (document.activeElement as HTMLElement | null)?.blur();
    this.change(withValue(next, `${of.path}.text`, text === "" ? "CoverCode" : text), `type:${of.path}.field`);
  }

  private field(property: Property, id: string): HTMLInputElement | HTMLSelectElement {
    const { t } = this.page;
    const common = { id, name: property.name, class: "input", autocomplete: "off" };
    if (property.editor === "select") {
      const options = (property.options ?? []).map((each) =>
        element("option", { value: each }, property.name === "field" ? t(`designer.field.${each}`) : t(`designer.o.${each}`)),
      );
      return element("select", common, ...options);
    }
    if (property.editor === "check") return element("input", { ...common, type: "checkbox", class: "" });
    if (property.editor === "number") {
      return element("input", { ...common, type: "number", step: "any", "data-step": String(property.step ?? 1) });
    }
    if (property.editor === "colour") return element("input", { ...common, type: "text", list: "label-colours", maxlength: "7" });
    return element("input", { ...common, type: "text", maxlength: "200" });
  }

  private actions(of: LabelPart): HTMLElement[] {
    const made: HTMLElement[] = [];
    if (of.kind === "logo") made.push(this.logoField(of));
    const row = element("div", { class: "inline part-actions" });
    const button = (words: string, act: () => void, tone = ""): void => {
      const one = element("button", { type: "button", class: `button ${tone}` }, words);
      one.addEventListener("click", act);
      row.append(one);
    };
    if (of.path.startsWith("elements.")) {
      button(this.page.t("designer.behind"), () => this.reorder(-1), "quiet");
      button(this.page.t("designer.before"), () => this.reorder(1), "quiet");
    }
    if (of.kind !== "label" && of.kind !== "qr") button(this.page.t("designer.remove"), () => this.remove(), "grave");
    if (row.childElementCount > 0) made.push(row);
    return made;
  }

  private remove(): void {
    const of = this.chosen;
    this.chosen = { path: "", kind: "label" };
    this.change(withoutPart(this.template, of));
    this.list.querySelector<HTMLInputElement>("input:checked")?.focus();
  }

  private reorder(by: -1 | 1): void {
    const next = reordered(this.template, this.chosen, by);
    this.chosen = { ...this.chosen, path: next.path };
    this.change(next.template);
  }

  private logoField(of: LabelPart): HTMLElement {
    const field = element("input", { type: "file", id: "logo-file", accept: ".png,.jpg,.jpeg,.svg" });
    const said = element("p", { class: "problem", role: "alert" });
    field.addEventListener("change", () => {
      const file = field.files?.[0];
      if (file !== undefined) void this.sendLogo(of, file, said);
    });
    const label = element("label", { for: "logo-file" }, this.page.t("designer.logo_file"));
    return element("div", { class: "field" }, label, field, said);
  }

  /** The server makes the mark anew (no script, no link gets into a label) and answers the element with it. */
  private async sendLogo(of: LabelPart, file: File, said: Element): Promise<void> {
    const form = new FormData();
    form.set("csrf_token", part<HTMLInputElement>("input[name=csrf_token]").value);
    form.set("element", JSON.stringify(valueAt(this.template, of.path)));
    form.set("logo", file);
    try {
      const response = await fetch(this.root.dataset.logo ?? "", { method: "POST", body: form, headers: { Accept: "application/json" } });
      if (!response.ok) throw await refusal(response);
      const answer = (await response.json()) as { readonly element: Template };
      say(said, "");
      this.change(withValue(this.template, of.path, { ...answer.element, type: "logo" }));
    } catch (error) {
      const why = error instanceof Refused ? (error.problem?.errors[0]?.problem ?? error.message) : "";
      say(said, why === "" ? this.page.t("designer.no_answer") : why);
    }
  }

  // ---- handles over the picture

  private showHandles(): void {
    const scale = this.picture.clientWidth / Number(this.template.width_mm);
    if (!Number.isFinite(scale) || scale <= 0) return;
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.path : undefined;
    const made: HTMLElement[] = [];
    for (const each of partsOf(this.template)) {
      const box = boxOf(this.template, each);
      if (box !== undefined) made.push(this.handle(each, box, scale));
    }
    this.handles.replaceChildren(...made);
    if (focused !== undefined) this.handles.querySelector<HTMLElement>(`[data-path="${CSS.escape(focused)}"]`)?.focus();
  }

  private handle(of: LabelPart, box: Box, scale: number): HTMLElement {
    const one = element("button", { type: "button", class: `handle handle-${of.kind}`, "data-path": of.path, "aria-label": this.nameOf(of) });
    one.tabIndex = of.path === this.chosen.path ? 0 : -1;
    if (of.path === this.chosen.path) one.setAttribute("aria-current", "true");
    one.style.left = `${box.x * scale}px`;
    one.style.top = `${box.y * scale}px`;
    one.style.width = `${Math.max(box.width * scale, 8)}px`;
    one.style.height = `${Math.max(box.height * scale, 8)}px`;
    one.addEventListener("pointerdown", (event) => this.take(event, of, one, scale));
    one.addEventListener("keydown", (event) => this.nudge(event, of));
    if (of.path === this.chosen.path) {
      const corner = element("span", { class: "handle-corner" });
      corner.addEventListener("pointerdown", (event) => this.take(event, of, corner, scale, true));
      one.append(corner);
    }
    return one;
  }

  private take(event: PointerEvent, of: LabelPart, target: HTMLElement, scale: number, corner = false): void {
    if (event.button !== 0) return;
    event.preventDefault();
    event.stopPropagation();
    const begun = this.template;
    const mark = `drag:${of.path}:${event.timeStamp}`;
    const stop = new AbortController();
    if (this.chosen.path !== of.path) this.choose(of);
    const follow = (now: PointerEvent): void => {
      const snap = (px: number): number => Math.round((px / scale) * 2) / 2;
      const [right, down] = [snap(now.clientX - event.clientX), snap(now.clientY - event.clientY)];
      this.change(corner ? resized(begun, of, right, down) : moved(begun, of, right, down), mark);
    };
    target.blur();
    addEventListener("pointermove", follow, { signal: stop.signal });
    for (const end of ["pointerup", "pointercancel"]) {
      addEventListener(end, () => {
        stop.abort();
        this.handles.querySelector<HTMLElement>(`[data-path="${CSS.escape(of.path)}"]`)?.focus();
      }, { signal: stop.signal });
    }
  }

  /** Arrows move by half a millimetre, with Alt by a tenth; with Shift they resize; Delete takes the part away. */
  private nudge(event: KeyboardEvent, of: LabelPart): void {
    const step = event.altKey ? 0.1 : 0.5;
    const ways: Readonly<Record<string, readonly [number, number]>> = {
      ArrowLeft: [-step, 0],
      ArrowRight: [step, 0],
      ArrowUp: [0, -step],
      ArrowDown: [0, step],
    };
    const way = ways[event.key];
    if (way !== undefined) {
      event.preventDefault();
      const next = event.shiftKey ? resized(this.template, of, way[0], way[1]) : moved(this.template, of, way[0], way[1]);
      this.change(next, `keys:${of.path}:${event.shiftKey}`);
    } else if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      this.remove();
    }
  }
}

const added = document.querySelector<HTMLSelectElement>("[data-add]");
if (added !== null) {
  void thisPage().then((page) => {
    for (const kind of ADDED) added.append(element("option", { value: kind }, page.t(`designer.part.${kind}`)));
    new Designer(page);
  });
}
