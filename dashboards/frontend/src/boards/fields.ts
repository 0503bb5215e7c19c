// Small fields of the editor: each tells at once what was chosen.
import { element } from "../elements";

export type Option = readonly [value: string, words: string];
let made = 0;

function labelled(label: string, field: HTMLElement, hint?: string): HTMLElement {
  made += 1;
  field.id = `board-field-${made}`;
  const hints = hint === undefined ? [] : [element("p", { class: "hint" }, hint)];
  return element("div", { class: "field" }, element("label", { for: field.id }, label), field, ...hints);
}

export function select(label: string, options: readonly Option[], value: string, onChange: (value: string) => void): HTMLElement {
  const field = element("select", { class: "input" }, ...options.map(([key, words]) => element("option", { value: key }, words)));
  // a value that the choice has not is shown as it stands, and not silently changed
  if (!options.some(([key]) => key === value)) field.append(element("option", { value }, value));
  field.value = value;
  field.addEventListener("change", () => onChange(field.value));
  return labelled(label, field);
}

export function text(label: string, value: string, onChange: (value: string) => void, more: { long?: boolean; most?: number; hint?: string } = {}): HTMLElement {
  const attributes = { class: "input", maxlength: String(more.most ?? 80), autocomplete: "off" };
  const field = more.long === true ? element("textarea", { ...attributes, rows: "5" }) : element("input", { ...attributes, type: "text" });
  field.value = value;
  field.addEventListener("input", () => onChange(field.value));
  return labelled(label, field, more.hint);
}

export function number(
  label: string,
  value: number | null | undefined,
  onChange: (value: number | undefined) => void,
  bounds: { min?: number; max?: number; step?: string } = {},
): HTMLElement {
  const field = element("input", { class: "input", type: "number", step: bounds.step ?? "1", inputmode: "decimal" });
  if (bounds.min !== undefined) field.min = String(bounds.min);
  if (bounds.max !== undefined) field.max = String(bounds.max);
  field.value = value === undefined || value === null ? "" : String(value);
  field.addEventListener("input", () => {
    const given = field.value === "" ? undefined : Number(field.value);
    if (given === undefined || Number.isFinite(given)) onChange(given);
  });
  return labelled(label, field);
}

export function tick(label: string, on: boolean, onChange: (on: boolean) => void): HTMLElement {
  const field = element("input", { type: "checkbox" });
  field.checked = on;
  field.addEventListener("change", () => onChange(field.checked));
  return element("label", { class: "board-tick" }, field, element("span", {}, label));
}

export function pair(...fields: readonly HTMLElement[]): HTMLElement {
  return element("div", { class: "board-pair" }, ...fields);
}

export function group(title: string, ...fields: readonly HTMLElement[]): HTMLElement {
  return element("fieldset", { class: "board-group" }, element("legend", {}, title), ...fields);
}
