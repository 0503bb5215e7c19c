// What somebody types in the street is kept on the phone until the server has it.

const PREFIX = "covercode:draft:";
/** What went out, until a page of the server says that it was taken: a street has networks that lose a form. */
const SENT = "covercode:sent:";

function store(): Storage | undefined {
  try {
    return window.localStorage;
  } catch {
    return undefined; // private mode of some browsers
  }
}

/** Keeps every field marked `data-keep`, and forgets it when the page after its form says that all went well. */
export function startDrafts(): void {
  const kept = store();
  if (kept === undefined) return;
  if (document.querySelector(".messages .message.ok") !== null) {
    for (const key of Object.keys(kept)) if (key.startsWith(SENT)) kept.removeItem(key);
  }
  for (const field of document.querySelectorAll<HTMLTextAreaElement>("textarea[data-keep]")) {
    const [key, sentKey] = [PREFIX + (field.dataset.keep ?? ""), SENT + (field.dataset.keep ?? "")];
    const sent = kept.getItem(sentKey);
    if (sent !== null) {
      if (kept.getItem(key) === null) kept.setItem(key, sent);
      kept.removeItem(sentKey);
    }
    if (field.value === "") field.value = kept.getItem(key) ?? "";
    field.addEventListener("input", () => kept.setItem(key, field.value));
    field.form?.addEventListener("submit", (event) => {
      if (event.defaultPrevented) return;
      kept.setItem(sentKey, field.value);
      kept.removeItem(key);
    });
  }
}
