// Pictures chosen in an ordinary form: made smaller before they are sent, counted on the button, shown below it.
import { type Page, say } from "./page";
import { putFiles, shrinkAll } from "./shrink";

function show(box: HTMLElement, files: File[]): void {
  for (const old of box.querySelectorAll("img")) URL.revokeObjectURL(old.src);
  box.replaceChildren(
    ...files.map((file) => {
      const picture = document.createElement("img");
      picture.src = URL.createObjectURL(file);
      picture.alt = file.name;
      return picture;
    }),
  );
}

/** Every choice of pictures outside the forms that send by themselves; without scripts the inputs are ordinary ones. */
export function startChoosing(page: Page): void {
  for (const input of document.querySelectorAll<HTMLInputElement>("form:not([data-upload]) input[data-shrink]")) {
    const button = input.closest("label");
    const words = button?.querySelector<HTMLElement>("[data-file-words]") ?? null;
    const atFirst = words?.textContent ?? "";
    const box = document.createElement("span");
    box.className = "chosen-pictures";
    (button ?? input).after(box);
    input.addEventListener("change", () => {
      const chosen = [...(input.files ?? [])];
      if (words !== null) say(words, chosen.length > 0 ? page.t("photo.chosen", { n: chosen.length }) : atFirst);
      void shrinkAll(chosen).then((files) => {
        if (input.files?.length !== chosen.length || chosen.some((one, at) => one !== input.files?.[at])) return; // others were chosen meanwhile
        putFiles(input, files);
        show(box, files);
      });
    });
  }
}
