// "This page has changed": shown instead of moving things under somebody's finger.

export function showFreshNote(): void {
  const note = document.querySelector<HTMLElement>("[data-fresh-note]");
  if (note !== null) note.hidden = false;
}
