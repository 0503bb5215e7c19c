// The screens that show: tasks, one asset, what waits to be sent, drafts. The screens that ask are in asking.ts.
// words: entry.accept entry.secure entry.hand_back entry.note entry.return entry.check entry.verify entry.self_handle entry.decline entry.dispatch entry.rework entry.recall entry.collect entry.file entry.close entry.void entry.overdue entry.report entry.request_extension entry.extend entry.supervise entry.merge
// words: app.kind.* permit_work.* change_action.fit change_action.swap change_action.rezero change_action.remove
import { quantity } from "../format";
import type { Page } from "../page";
import { whereAmI } from "../position";
import { fact, neverTried } from "./kept";
import { whoseLine } from "./leaving";
import { thumb } from "./pictures";
import { drop, heldUp, keepAsNote, officeAddress, sendAnew, SETTLED } from "./sending";
import type { App } from "./main";
import type { Act, Asset, CaseRow, FormKind, Look, Move, Subject, Task } from "./shapes";
import { beside, button, clockOf, empty, facts, icon, link, make, message, moment, shapeOf, way, type Child } from "./ui";
import { guideAddress, metres } from "./ways";

type Sort = "near" | "due";

/** The work of the day, nearest or most urgent first. */
export async function tasksScreen(app: App): Promise<Node[]> {
  const whose = whoseLine(app);
  return [...(await tasksOf(app)), ...(whose === undefined ? [] : [whose])];
}

async function tasksOf(app: App): Promise<Node[]> {
  const { state, page } = app;
  const { t } = page;
  const shown: Node[] = [bagLine(app)];
  const { carried } = state;
  if (carried === undefined && state.loading && state.user !== undefined) return [...shown, make("p", { class: "soft", role: "status" }, t("app.loading"))];
  if (carried === undefined) return state.problem === "app.sign_in_first" ? shown : [...shown, empty(t("app.nothing_yet"), t("app.nothing_yet_text"))];
  const running = (await Promise.all(permitAssets(app).map(async (id) => permitCard(app, id)))).filter((one) => one !== undefined);
  if (running.length > 0) shown.push(make("section", { class: "stack-tight" }, make("h2", {}, t("app.permits_running")), ...running));
  const sort = ((await fact<Sort>(state.store, "sort")) ?? "due") === "near" && state.standing !== undefined ? "near" : "due";
  const cases = [...carried.cases].sort((one, other) => order(app, one.case, sort) - order(app, other.case, sort));
  if (cases.length + carried.looks.length === 0) return [...shown, empty(t("tasks.none"), t("app.none_text"), true)];
  shown.push(
    make(
      "div",
      { class: "spread" },
      make("h2", {}, t("app.tasks"), " ", make("span", { class: "soft" }, String(cases.length + carried.looks.length))),
      make("div", { class: "segments", role: "group", "aria-label": t("app.sort") }, sortButton(app, "due", sort), sortButton(app, "near", sort)),
    ),
    make("ol", { class: "stack-tight" }, ...cases.map((task) => make("li", {}, taskCard(app, task)))),
  );
  if (carried.looks.length > 0) {
    const looks = carried.looks.map((look) => make("li", {}, lookCard(app, look)));
    shown.push(make("h2", {}, t("tasks.looks")), make("ol", { class: "stack-tight" }, ...looks));
  }
  return shown;
}

/** A look to take: its steps are carried with it; of one of an older bag that has none, only the page online has them. */
function lookCard(app: App, look: Look): HTMLElement {
  const { state, page } = app;
  const { t } = page;
  const task = state.task(look.case_id);
  const pending = state.lastMove(look.case_id);
  const text = make(
    "span",
    { class: "task-text" },
    make("strong", {}, t(`task_kind.${look.look}`), " · ", state.kind(look.kind)),
    make("span", {}, look.asset_name),
    look.note !== "" && make("span", { class: "task-note" }, look.note),
    make("span", { class: "inline" }, left(look.due_at, page), task !== undefined && way(state.standing, task.case, page)),
    pendingChip(app, pending),
    task === undefined && make("span", { class: "soft" }, t("app.needs_signal")),
  );
  return link(task === undefined ? `/cases/${look.case_id}` : `#/case/${look.case_id}`, "card task", shapeOf(look.severity), text, icon("next"));
}

/** How long there is; a card has no room for the moment itself, which the case's own screen tells. */
function left(due: string, page: Page): HTMLElement {
  const told = moment(due, page, true);
  told.classList.add("brief");
  return told;
}

function pendingChip(app: App, act: Act | undefined): Child {
  return act !== undefined && act.state !== "sent" && make("span", { class: "chip warm" }, icon(act.state === "waiting" ? "clock" : "alerts"), waitWords(app, act));
}

function order(app: App, row: CaseRow, sort: Sort): number {
  if (sort === "near" && app.state.standing !== undefined) return metres(app.state.standing, row);
  const due = row.secure_due_at !== null && row.secured_at === null ? row.secure_due_at : row.deadline_at;
  return Date.parse(due);
}

function sortButton(app: App, sort: Sort, now: Sort): HTMLButtonElement {
  const made = button(app.page.t(sort === "near" ? "app.nearest" : "app.soonest"), () => void app.sortBy(sort), "segment");
  made.setAttribute("aria-pressed", String(sort === now));
  return made;
}

/** How old what is carried is, and a way to fetch it anew. */
function bagLine(app: App): HTMLElement {
  const { state, page } = app;
  const { t } = page;
  const age = state.carried === undefined ? t("app.bag_empty") : make("span", {}, t("app.bag_of"), " ", moment(state.carried.at, page));
  const again = button(t("app.refresh"), () => void app.refresh(true), "quiet", "broken");
  again.disabled = state.loading;
  const cut = [state.carried?.more_cases === true && t("app.more_cases"), state.carried?.more === true && t("app.more_assets")].filter((one) => one !== false);
  const line = make("div", { class: "stack-tight" }, make("div", { class: "bag spread" }, make("p", { class: "soft" }, age), again), ...cut.map((words) => make("p", { class: "soft small" }, words)));
  if (state.problem === "" || state.loading) return line;
  const words = make("p", {}, t(state.problem));
  const more = state.problem.startsWith("app.sign_in") ? link("/login?next=/app", "button primary", icon("user"), t("nav.login")) : state.problem === "app.account_first" ? link("/account", "button", t("nav.account")) : undefined;
  return make("div", { class: "stack-tight" }, line, message(state.problem === "app.no_signal" ? 1 : 2, words, more));
}

function taskCard(app: App, task: Task): HTMLElement {
  const { state, page } = app;
  const row = task.case;
  const pending = state.lastMove(row.id);
  const due = row.secure_due_at !== null && row.secured_at === null ? row.secure_due_at : row.deadline_at;
  return link(
    `#/case/${row.id}`,
    "card task",
    shapeOf(row.severity),
    make(
      "span",
      { class: "task-text" },
      make("strong", {}, state.kind(row.kind)),
      make("span", {}, row.asset_name),
      row.road !== "" && !row.asset_name.startsWith(row.road) && make("span", { class: "soft" }, row.road),
      task.said !== "" && make("span", { class: "task-note" }, task.said),
      make("span", {}, make("span", { class: "chip cool" }, page.t(`stage.${row.stage}`)), " ", left(due, page), " ", way(state.standing, row, page)),
      pendingChip(app, pending),
    ),
    icon("next"),
  );
}

/** That a move is on its way, or that somebody has to decide about it. */
function waitWords(app: App, act: Act): string {
  const values = { move: moveWord(app, act.subject.move ?? "") };
  return act.state === "waiting" ? app.page.t("app.move_waits", values) : app.page.t("app.move_troubled", values);
}

export const moveWord = (app: App, move: string): string => app.page.t("entry." + move);

function permitAssets(app: App): number[] {
  const user = app.state.user?.id;
  const ids = [
    ...(app.state.carried?.permits ?? []).filter((one) => one.by_user_id === user).map((one) => one.asset_id),
    ...app.state.acts.filter((act) => act.kind === "permit" && app.state.mine(act)).map((act) => act.subject.asset_id ?? 0),
  ];
  return [...new Set(ids)];
}

async function permitCard(app: App, assetId: number): Promise<HTMLElement | undefined> {
  const running = app.state.permitOf(assetId);
  const asset = await app.state.asset(assetId);
  if (running === undefined) return undefined;
  const { t } = app.page;
  const subject: Subject = running.permit !== undefined ? { asset_id: assetId, permit_id: running.permit.id } : { asset_id: assetId, ...(running.act?.answer?.id === undefined ? {} : { permit_id: running.act.answer.id }), permit_act: running.act?.id ?? "" };
  const about = asset?.name ?? running.permit?.asset_name ?? "";
  return make(
    "section",
    { class: "card card-body permit-runs stack-tight" },
    make("p", { class: "spread" }, make("strong", {}, icon("key"), t("app.permit_runs")), moment(running.ends_at, app.page, true)),
    make("p", {}, link(`#/asset/${assetId}`, "", about), " · ", running.work),
    make("div", { class: "pair" }, button(t("permit.end"), () => void app.ask("permit_end", subject, about), "primary", "check"), button(t("permit.prolong"), () => void app.ask("permit_prolong", subject, about), "", "clock")),
  );
}

/** One case and what may be done with it now. */
export async function caseScreen(app: App, id: number): Promise<Node[]> {
  const { state, page } = app;
  const { t } = page;
  const task = state.task(id);
  if (task === undefined) return [empty(t("app.not_carried"), t("app.not_carried_text")), link(`/cases/${id}`, "button", t("app.open_online"))];
  const row = task.case;
  const asset = row.asset_id === null ? undefined : await state.asset(row.asset_id);
  const before = state.lastMove(id);
  const moves = state.movesOf(task);
  const look = state.carried?.cases.includes(task) === true ? undefined : state.carried?.looks.find((one) => one.case_id === id);
  const [said, due] = look === undefined ? [task.said, row.deadline_at] : [look.note, look.due_at];
  const subject = (move: string): Subject => ({ case_id: id, case_kind: row.kind, move, ...(row.asset_id === null ? {} : { asset_id: row.asset_id }) });
  const about = `${state.kind(row.kind)} · ${row.asset_name}`;
  return [
    make("div", { class: "head" }, shapeOf(row.severity), make("div", {}, make("h1", {}, state.kind(row.kind)), make("p", { class: "soft" }, row.number))),
    said !== "" && make("blockquote", { class: "said" }, said),
    facts([
      [t("app.stage"), t(`stage.${row.stage}`)],
      [t("case.deadline"), moment(due, page, true)],
      [t("app.place"), make("span", {}, row.asset_name, " ", way(state.standing, row, page))],
    ]),
    before !== undefined && before.state !== "sent" && message(before.state === "waiting" ? 1 : 2, waitWords(app, before), " ", link("#/waiting", "", t("app.see_waiting"))),
    make("div", { class: "stack-tight" }, ...inOrder(moves, row).map((move, at) => moveButton(app, move, subject(move.name), about, at === 0 && LEADING.includes(move.name)))),
    make("div", { class: "pair" }, asset !== undefined && link(`#/asset/${asset.id}`, "button", icon(asset.family), t("app.asset_file")), guide(app, row)),
  ].filter((one): one is HTMLElement => one instanceof Node);
}

const LEADING = ["secure", "accept", "check", "verify", "hand_back"];

/** What leads on stands first: securing the site where that has a deadline of its own; what gives up stands last. */
function inOrder(moves: readonly Move[], row: CaseRow): Move[] {
  const urgent = row.secure_due_at !== null && row.secured_at === null;
  const place = (move: Move): number => {
    const at = LEADING.indexOf(move.name);
    return move.name === "secure" && !urgent ? LEADING.length : at < 0 ? LEADING.length + 1 + Number(move.name === "return") : at;
  };
  return [...moves].sort((one, other) => place(one) - place(other));
}

function moveButton(app: App, move: Move, subject: Subject, about: string, first: boolean): HTMLElement {
  const pictures: Record<string, string> = { accept: "place", hand_back: "check", secure: "stop", return: "return", note: "note", verify: "check", request_extension: "clock" };
  return button(app.page.t("move." + move.name), () => void app.ask("move", subject, about), first ? "primary big" : "big", pictures[move.name] ?? "next");
}

function guide(app: App, to: { lon: number; lat: number }): HTMLElement {
  return link(guideAddress(to, navigator.userAgent), "button", icon("place"), app.page.t("app.guide"));
}

/** One asset's file as far as it is carried. */
export async function assetScreen(app: App, id: number): Promise<Node[]> {
  const { state, page } = app;
  const { t, language } = page;
  const asset = await state.asset(id);
  if (asset === undefined) return [empty(t("app.not_carried"), t(state.carried?.more === true ? "app.not_carried_more" : "app.not_carried_text")), link(`/assets/${id}`, "button", t("app.open_online"))];
  const running = state.permitOf(id);
  const [tasks, looks] = [state.carried?.cases ?? [], state.carried?.look_cases ?? []].map((all) => all.filter((task) => task.case.asset_id === id)) as [Task[], Task[]];
  const subject: Subject = tasks[0] === undefined ? { asset_id: id } : { asset_id: id, case_id: tasks[0].case.id };
  const ask = (kind: FormKind, more: Subject = { asset_id: id }) => () => void app.ask(kind, more, asset.name);
  return [
    make("div", { class: "head" }, make("span", { class: `asset-mark family-${asset.family}` }, icon(asset.family)), make("div", {}, make("h1", {}, asset.name), make("p", { class: "soft" }, language === "zh" ? asset.class_name_zh : asset.class_name_en || asset.class_name_zh))),
    (await state.scanned(id)) !== undefined ? message(0, t("app.scanned_here")) : undefined,
    ...alertsOf(app, asset),
    ...state.open.filter((act) => act.subject.asset_id === id && act.kind !== "scan").map((act) => message(act.state === "waiting" ? 1 : 2, make("p", {}, t("app.waits_here", { what: actWord(app, act), time: clockOf(act.done_at, page) }), " ", beside(act.done_at, page)))),
    (running === undefined ? undefined : await permitCard(app, id)) as Child,
    make("ol", { class: "stack-tight" }, ...[...tasks, ...looks].map((task) => make("li", {}, taskCard(app, task)))),
    make(
      "div",
      { class: "stack-tight" },
      asset.care && running === undefined && button(t(`permit.open.${asset.family}`), ask("permit", subject), "primary big", "key"),
      button(t("app.report"), ask("report"), "big", "send"),
      button(t("app.add_picture"), ask("picture"), "big", "camera"),
    ),
    facts([
      [t("app.state"), t(`state.${asset.state}`)],
      [t("app.code"), make("code", {}, asset.code)],
      [t("app.place"), make("span", {}, asset.address || asset.road, " ", way(state.standing, asset, page))],
    ]),
    ...asset.devices.map((device) => deviceCard(app, asset, device)),
    asset.care ? button(t("app.fit"), ask("fit"), "", "plus") : undefined,
    make("div", { class: "pair" }, guide(app, asset), link(`/assets/${id}`, "button", icon("book"), t("app.open_online"))),
  ].filter((one): one is HTMLElement => one instanceof Node);
}

/** What its sensors report, each with the name of its rule. */
function alertsOf(app: App, asset: Asset): HTMLElement[] {
  const { t } = app.page;
  const level = (severity: number): 1 | 2 | 3 => (severity >= 3 ? 3 : severity === 2 ? 2 : 1);
  const told = (asset.alerts ?? []).map((one) => message(level(one.severity), make("strong", {}, app.state.rule(one.rule_key)), make("p", {}, `${t(`severity.${one.severity}`)} · `, moment(one.fired_at, app.page))));
  return told.length > 0 || asset.severity === 0 ? told : [message(level(asset.severity), t(`severity.${asset.severity}`))];
}

function deviceCard(app: App, asset: Asset, device: Asset["devices"][number]): HTMLElement {
  const { t } = app.page;
  const subject: Subject = { asset_id: asset.id, device_id: device.id };
  const rows = device.points
    .filter((point) => point.name !== "uptime" && point.name !== "sample_count")
    .map((point) => [t(`point.${point.name}`), make("span", {}, make("strong", {}, quantity(point.value, point.decimals, point.unit === "1" ? "" : t(`unit.${point.unit}`))), " ", make("span", { class: "soft small" }, point.measured_at === null ? t("app.never_heard") : moment(point.measured_at, app.page)))] as const);
  const acts = make("div", { class: "pair" }, button(t("app.rezero"), () => void app.ask("rezero", subject, asset.name), "", "rules"), button(t("app.swap"), () => void app.ask("swap", subject, asset.name), "", "broken"));
  return make("section", { class: "card" }, make("div", { class: "card-head" }, make("h2", {}, device.serial), make("span", { class: "soft" }, device.profile)), make("div", { class: "card-body stack-tight" }, facts(rows), asset.care && acts));
}

export function actWord(app: App, act: Act): string {
  return act.kind === "move" ? moveWord(app, act.subject.move ?? "note") : app.page.t("app.kind." + act.kind);
}

/** What waits, what went wrong and what was sent, the newest first among each. */
export async function waitingScreen(app: App): Promise<Node[]> {
  const { state, page } = app;
  const { t } = page;
  const waiting = state.open;
  const sent = state.acts.filter((act) => SETTLED.has(act.state) && state.mine(act)).reverse();
  const shown: Node[] = [];
  if (state.full) shown.push(message(3, make("strong", {}, t("app.full")), make("p", {}, t("app.full_text"))));
  if (state.halt === "offline" && waiting.length > 0) shown.push(message(1, t("app.halt_offline")));
  if (state.halt === "sign_in") shown.push(message(2, make("p", {}, t("app.halt_sign_in", { name: waiting[0]?.user_name ?? "" })), link("/login?next=/app", "button primary", icon("user"), t("nav.login"))));
  if (state.halt === "password") shown.push(message(2, make("p", {}, t("app.account_first")), link("/account", "button primary", t("nav.account"))));
  if (state.halt === "other_person") shown.push(message(2, t("app.halt_other", { name: waiting.find((act) => act.user_id !== state.user?.id)?.user_name ?? "" })));
  if (waiting.length === 0) shown.push(empty(t("app.all_sent"), t("app.all_sent_text"), true));
  else shown.push(make("div", { class: "spread" }, make("h2", {}, t("app.waiting"), " ", make("span", { class: "soft" }, String(waiting.length))), button(t("app.send_now"), () => void app.send(true), "", "send")));
  if (waiting.length > 0 && !(await lasts())) shown.push(make("p", { class: "soft small" }, t("app.may_be_cleared")));
  shown.push(make("ol", { class: "stack-tight" }, ...(await Promise.all(waiting.map((act) => actCard(app, act)))).map((card) => make("li", {}, card))));
  if (sent.length > 0) shown.push(make("h2", {}, t("app.sent")), make("ol", { class: "lines" }, ...sent.slice(0, 50).map((act) => make("li", { class: "line" }, shapeOf(act.state === "sent" ? 0 : 1), make("span", { class: "grow" }, make("strong", {}, actWord(app, act)), " ", act.about, make("span", { class: "sub soft" }, t(act.state === "sent" ? "app.done_sent" : "app.done_dropped", { done: clockOf(act.done_at, page), sent: clockOf(new Date(act.settled_ms ?? 0).toISOString(), page) }), " ", beside(new Date(act.settled_ms ?? 0).toISOString(), page)))))));
  return shown;
}

/** Whether the browser promised to keep what is here; where it does not say, nobody is worried. */
async function lasts(): Promise<boolean> {
  return (await navigator.storage?.persisted?.().catch(() => true)) ?? true;
}

async function actCard(app: App, act: Act): Promise<HTMLElement> {
  const { state, page } = app;
  const { t } = page;
  const others = !state.mine(act); // what they did, and what becomes of it, is theirs alone
  const held = heldUp(state.acts, act);
  const why = others ? t("app.why_other", { name: act.user_name }) : held !== undefined ? t("app.why_held") : act.trouble === undefined ? t("app.why_queued") : act.trouble.code === "offline" ? t("app.why_offline", { n: act.tries }) : t("app.why_trouble", { n: act.tries, why: act.trouble.text || act.trouble.code });
  const card = make(
    "article",
    { class: `card act act-${act.state}`, "data-act": act.id },
    make("div", { class: "act-head" }, icon(act.state === "waiting" ? "clock" : "alerts"), make("div", { class: "grow" }, make("strong", {}, actWord(app, act)), make("p", {}, act.about), make("p", { class: "soft" }, t("app.done_at", { time: clockOf(act.done_at, page) }), " ", beside(act.done_at, page), act.pictures.length > 0 && ` · ${t("app.pictures_n", { n: act.pictures.length })}`))),
  );
  if (act.state === "waiting" || others) card.append(make("p", { class: "act-why soft" }, why));
  else card.append(await settling(app, act));
  if (!others && neverTried(act) && act.kind !== "scan") card.append(make("div", { class: "settle" }, button(t("app.take_back"), () => void takeBack(app, act), "", "edit")));
  return card;
}

/** What was never tried becomes a draft again; not what is being sent just now. */
async function takeBack(app: App, act: Act): Promise<void> {
  await navigator.locks.request("covercode-acts", { ifAvailable: true }, (lock) => (lock === null ? app.toast(app.page.t("app.being_sent")) : app.change(act)));
}

/** What you did beside what the office did meanwhile, and the ways to settle it. */
async function settling(app: App, act: Act): Promise<HTMLElement> {
  const { t } = app.page;
  const title = act.state === "conflict" ? t("app.conflict") : act.state === "unsure" ? t("app.unsure") : t("app.refused");
  if (act.state === "editing") return editing(app, act);
  const said = troubleWords(app, act);
  const yours = make("section", {}, make("h3", {}, t("app.you_did")), make("p", {}, make("strong", {}, actWord(app, act)), " ", moment(act.done_at, app.page)), ...wordsOf(act).map((words) => make("p", {}, words)), await thumbs(app, act));
  const lines = (act.office?.lines ?? []).map((line) => make("li", {}, make("strong", {}, t(line.what)), " ", make("span", { class: "soft" }, `${line.by} `, moment(line.at, app.page)), line.note !== "" && make("p", {}, line.note)));
  const theirs = make("section", {}, make("h3", {}, t("app.office_did")), act.office?.stage !== undefined && make("p", {}, t("app.now_stage", { stage: t(`stage.${act.office.stage}`) })), lines.length > 0 ? make("ul", { class: "stack-tight" }, ...lines) : make("p", { class: "soft" }, act.office === undefined ? t("app.office_unknown") : t("app.office_nothing")));
  const toldLater = officeAddress(act) !== "";
  const settle = (does: () => Promise<void>) => () => void does().then(() => app.settled());
  const again = (look: string): HTMLElement => button(t(act.state === "unsure" ? "app.send_unsure" : "app.send_anew"), settle(() => sendAnew(app.state.store, act, crypto.randomUUID())), look, "send");
  const change = (look: string): HTMLElement => button(t("app.change_it"), () => void app.change(act), look, "edit");
  // what was refused is refused again as it stands; what somebody overtook may stand as it is
  const ways = act.state === "refused" ? [change("primary"), again("")] : act.state === "conflict" ? [again("primary"), change("")] : [again("primary")];
  if (act.subject.case_id !== undefined && act.kind === "move" && act.subject.move !== "note" && act.office?.version !== undefined) {
    const words = [t("app.note_of", { what: actWord(app, act), time: clockOf(act.done_at, app.page) }), ...wordsOf(act)].join("\n");
    ways.push(button(t("app.keep_note"), settle(() => keepAsNote(app.state.store, act, words, crypto.randomUUID())), "", "note"));
  }
  ways.push(button(t("app.drop"), () => app.confirm(t("app.drop_sure"), settle(() => drop(app.state.store, act, Date.now()))), "grave", "bin"));
  return make("div", { class: "settle" }, make("p", { class: "settle-title" }, make("strong", {}, title), said !== "" && ` ${said}`), make("div", { class: "sides" }, yours, (act.office !== undefined || (act.state !== "refused" && toldLater)) && theirs), make("div", { class: "stack-tight" }, ...ways));
}

/** What is a draft again: it waits in its place until it is handed in. */
function editing(app: App, act: Act): HTMLElement {
  const { t } = app.page;
  const away = button(t("app.drop"), () => app.confirm(t("app.drop_sure"), () => void drop(app.state.store, act, Date.now()).then(() => app.settled())), "grave", "bin");
  return make("div", { class: "settle" }, make("p", {}, t("app.editing")), make("div", { class: "stack-tight" }, link(`#/draft/${act.id}`, "button primary", icon("edit"), t("app.go_on_writing")), away));
}

/** What the server said of an act, in words; "" where the card says it all. */
export function troubleWords(app: App, act: Act): string {
  const { t } = app.page;
  switch (act.trouble?.code) {
    case "needs_dropped":
      return t("app.needs_dropped");
    case "picture_gone":
      return t("app.picture_gone");
    case "changed_meanwhile":
      return "";
    default:
      return act.trouble?.text ?? "";
  }
}

/** The words that somebody wrote into an act. */
function wordsOf(act: Act): string[] {
  const body = act.request?.body ?? {};
  return ["text", "work", "note", "reason", "serial"].map((name) => body[name]).filter((said): said is string => typeof said === "string" && said !== "");
}

async function thumbs(app: App, act: Act): Promise<HTMLElement | undefined> {
  if (act.pictures.length === 0) return undefined;
  return make("p", { class: "thumbs" }, ...(await Promise.all(act.pictures.map((one) => thumb(app.state.store, one.id, app.page.t("app.picture"))))));
}

export async function draftsScreen(app: App): Promise<Node[]> {
  const { state, page } = app;
  const { t } = page;
  const mine = state.drafts.filter((draft) => state.mine(draft));
  if (mine.length === 0) return [empty(t("app.no_drafts"), t("app.no_drafts_text"))];
  const lines = mine.map((draft) => {
    const words = Object.entries(draft.fields).filter(([name]) => ["text", "note", "reason", "work"].includes(name)).map(([, said]) => said).join(" ");
    const away = button("", () => app.confirm(t("app.draft_sure"), () => void app.removeDraft(draft)), "quiet", "bin");
    away.setAttribute("aria-label", t("app.remove_draft", { about: draft.about }));
    const name = draft.kind === "move" ? moveWord(app, draft.subject.move ?? "note") : t("app.kind." + draft.kind);
    return make("li", { class: "card task-row" }, link(`#/draft/${draft.id}`, "task grow", icon("edit"), make("span", { class: "task-text" }, make("strong", {}, name), make("span", {}, draft.about), words !== "" && make("span", { class: "task-note" }, words), make("span", { class: "soft" }, moment(new Date(draft.changed_ms).toISOString(), page), draft.pictures.length > 0 && ` · ${t("app.pictures_n", { n: draft.pictures.length })}`))), away);
  });
  return [make("h2", {}, t("app.drafts"), " ", make("span", { class: "soft" }, String(mine.length))), make("ol", { class: "stack-tight" }, ...lines)];
}

/** Looks for the phone's place, if it may; whether it was found. */
export async function findMe(app: App): Promise<boolean> {
  try {
    const spot = await whereAmI();
    await app.state.keepHere(spot);
    return true;
  } catch {
    return false;
  }
}

