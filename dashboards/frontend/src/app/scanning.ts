// The scan screen: the camera in the page, its torch, and a field for plates that no camera reads any more.
import { Camera, NoReader } from "./camera";
import { assetNamed, keepFact } from "./kept";
import type { App } from "./main";
import { tokenIn } from "./plate";
import { button, icon, link, make, message } from "./ui";
import { assetOfPlate } from "./unknown_plates";

/** A code that was out of sight for so long is a new one. */
const LOOKED_AWAY_MS = 3_000;

/** The screen, and how to end it: a camera that nobody looks through must not run. */
export function scanScreen(app: App): { readonly nodes: Node[]; readonly end: () => void } {
  const { t } = app.page;
  const video = make("video", { playsinline: "", muted: "", "aria-label": t("app.camera") });
  video.muted = true;
  const view = make("div", { class: "viewfinder" }, video, make("span", { class: "aim" }));
  const hint = make("p", { class: "soft" }, t("app.point_camera"));
  const said = make("div", { class: "scan-said", role: "status" }, hint);
  const torch = button(t("app.torch"), () => void light(), "torch", "light");
  torch.hidden = true;
  torch.setAttribute("aria-pressed", "false");
  view.append(torch);
  let over = false;
  let last = "";
  let lastMs = 0;
  // one code before the camera is told once, and does not talk over what was typed
  const camera = new Camera(video, (text) => {
    const again = text === last && Date.now() - lastMs < LOOKED_AWAY_MS;
    last = text;
    lastMs = Date.now();
    if (!again) void found(text);
  });

  const light = async (): Promise<void> => {
    const on = torch.getAttribute("aria-pressed") !== "true";
    const lit = await camera.light(on).then(() => on, () => false); // some phones name a torch that they don't let a page light
    torch.setAttribute("aria-pressed", String(lit));
  };

  const found = async (text: string): Promise<void> => {
    if (over) return;
    const token = tokenIn(text);
    const asset = token === "" ? undefined : await assetNamed(app.state.store, token);
    if (asset !== undefined && !over) {
      over = true;
      navigator.vibrate?.(80);
      if (asset.tokens.includes(token)) {
        const scanned = { asset_id: asset.id, token, at_ms: Date.now() };
        await app.state.keeping(() => keepFact(app.state.store, "scanned", scanned)).catch(() => undefined);
        await app.tellScan(asset, token);
      }
      location.replace(`#/asset/${asset.id}`);
      return;
    }
    if (token === "") said.replaceChildren(message(2, t("app.no_plate")));
    else said.replaceChildren(message(1, make("p", {}, t("app.plate_not_carried", { token })), make("div", { class: "stack-tight" }, link(`/Q/${token}`, "button", t("app.open_online")), app.state.user !== undefined && button(t("app.report"), () => void reportPlate(app, token), "", "send"))));
  };

  const input = make("input", { class: "input", id: "token", maxlength: "80", autocomplete: "off", autocapitalize: "characters", spellcheck: "false" });
  const form = make("form", { class: "manual" }, make("label", { for: "token" }, t("app.by_hand")), make("div", { class: "pair" }, input, make("button", { class: "button primary" }, icon("search"), t("app.find"))));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void found(input.value);
  });
  camera
    .start()
    .then(() => {
      torch.hidden = !camera.hasTorch;
    })
    .catch((problem: unknown) => {
      camera.stop();
      view.hidden = true;
      hint.remove();
      said.prepend(message(2, t(problem instanceof NoReader ? "app.no_reader" : "app.no_camera")));
      input.focus();
    });
  return {
    nodes: [make("h1", { class: "unseen" }, t("app.scan")), view, said, form],
    end: () => {
      over = true;
      camera.stop();
    },
  };
}

/** A report about a plate that the phone does not carry; without a signal it stays a draft until the city names the asset. */
async function reportPlate(app: App, token: string): Promise<void> {
  const found = navigator.onLine ? await assetOfPlate(app.state, token) : undefined;
  const subject = found === undefined ? { token } : { token, asset_id: found.id };
  await app.ask("report", subject, found?.name ?? app.page.t("app.plate", { token }));
}
