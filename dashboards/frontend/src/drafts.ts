// What somebody types in the street is kept on the phone until the server has it.

const PREFIX = "covercode:draft:";

function store(): Storage | undefined {
  try {
    return window.localStorage;
  } catch {
    return undefined; // private mode of some browsers
  }
}

/** Keeps every field marked `data-keep`, and forgets it when its form goes out. */
export function startDrafts(): void {
  const kept = store();
  if (kept === undefined) return;
  for (const field of document.querySelectorAll<HTMLTextAreaElement>("textarea[data-keep]")) {
    const key = PREFIX + (field.dataset.keep ?? "");
    if (field.value === "") field.value = kept.getItem(key) ?? "";
    field.addEventListener("input", () => kept.setItem(key, field.value));
    field.form?.addEventListener("submit", (event) => {
      if (!event.defaultPrevented) kept.removeItem(key);
    });
  }
}
