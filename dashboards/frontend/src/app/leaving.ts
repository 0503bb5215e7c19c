// Signing out on the phone: what is carried goes at once, with or without a signal; what was written waits for its writer.
import type { App } from "./main";
import { button, make } from "./ui";

/** Who is signed in on this phone, and the way out. */
export function whoseLine(app: App): HTMLElement | undefined {
  const { state, page } = app;
  const { user } = state;
  if (user === undefined) return undefined;
  const out = button(page.t("nav.logout"), () => askToLeave(app), "quiet", "user");
  return make("p", { class: "spread soft" }, page.t("app.signed_in_as", { name: user.name }), out);
}

function askToLeave(app: App): void {
  const { state, page } = app;
  const { t } = page;
  // what is being changed is a draft too
  const kept = state.open.filter((act) => act.state !== "editing" && state.mine(act)).length + state.drafts.filter((draft) => state.mine(draft)).length;
  const words = t("app.sign_out_sure");
  const box = make("dialog", { class: "sure", "aria-label": words });
  const close = (): void => box.close();
  box.addEventListener("close", () => box.remove()); // also by the key Escape
  box.append(
    make("p", {}, words),
    ...(kept === 0 ? [] : [make("p", {}, t("app.sign_out_kept", { n: kept }))]),
    make("div", { class: "stack-tight" }, button(t("nav.logout"), () => (close(), void leave(app)), "primary big", "user"), button(t("app.stay"), close, "big")),
  );
  document.body.append(box);
  box.showModal();
}

async function leave(app: App): Promise<void> {
  if ((await app.state.leave()) === "unknown") addEventListener("online", () => void app.state.askWho(), { once: true });
  await app.refresh(false);
}
