// Building small pieces of the page without markup in strings.
import { part } from "./page";

type Attributes = Readonly<Record<string, string>>;

/** An element with attributes and children; strings become text, never markup. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** The severity symbol as the template draws it (0: all is well), copied from the page's set of shapes. */
export function shapeOf(severity: number): Node {
  const drawn = part<HTMLTemplateElement>("template[data-shapes]").content.querySelector(`.shape-${severity}`);
  return drawn === null ? document.createTextNode("") : drawn.cloneNode(true);
}
