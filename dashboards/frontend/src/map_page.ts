// The map's page: everything around the map component. The map's own code arrives after the page.
import "./styles/citymap.css";
import "./styles/map_page.css";
import { Alarm } from "./alarm";
import { Refused } from "./answers";
import type { CardPopup, CityMapOptions, CityMapView, MobileLayer, ShownAsset } from "./citymap";
import { addressesOf, ALL_FAMILIES, BY_ZOOM, fetchFacts, leadsOf } from "./citymap/facts";
import { isFresh, type MobileResource } from "./citymap/mobile";
import { readPointed, readShown, type Shown, writeShown } from "./citymap/address";
import { areaM2, lengthM, type Measured, readableArea, readableLength } from "./citymap/measuring";
import { ontoMap } from "./citymap/shift";
import type { Position } from "./geometry";
import { quantity } from "./format";
import { startLive } from "./live";
import { Acts } from "./map_page/acts";
import { drawLegend, LayersPane } from "./map_page/layers_pane";
import { ListPane } from "./map_page/list_pane";
import { mobileCard, MobilePane } from "./map_page/mobile_pane";
import { Panel } from "./map_page/panel";
import { type Found, placeOf, SearchBox } from "./map_page/search_box";
import { resultOf, select } from "./map_page/selection";
import { Sketch, type Tool } from "./map_page/sketch";
import { type Page, part, say, thisPage } from "./page";
import { onPrintKey } from "./paper";

/** The phone's sheet holds the card; where there is room it stands beside the asset. */
const NARROW = "(max-width: 720px)";
/** How near a link brings that points at one asset. */
const POINTED_ZOOM = 18;

// the map's quarter of a megabyte and what it is told travel while the page's words do
const arriving = import("./citymap");
const facts = fetchFacts(part("[data-map-page]").dataset.facts ?? "");
facts.catch(() => undefined); // the map says so itself

class MapPage {
  private readonly shell = part("[data-map-page]");
  private readonly box = part("[data-map]", this.shell);
  private readonly panel = new Panel(part("[data-panel]", this.shell));
  private readonly list: ListPane;
  private readonly mobilePane: MobilePane;
  private readonly acts: Acts;
  private layers: LayersPane | undefined;
  private mobile: MobileLayer | undefined;
  /** the vehicle whose card is open */
  private mobileShown: number | undefined;
  private map: CityMapView | undefined;
  private popup: CardPopup | undefined;
  private sketch: Sketch | undefined;
  /** how many outlines were asked about; a tool that is put down counts too */
  private outlines = 0;

  constructor(private readonly page: Page) {
    this.list = new ListPane(page, (asset) => this.visit(asset), (asset) => this.map?.glance(asset?.id));
    this.mobilePane = new MobilePane(page, (resource) => this.visitMobile(resource));
    this.acts = new Acts(this.shell, page, () => this.map, () => this.keepAddress());
  }

  async start(): Promise<void> {
    const { page } = this;
    this.panel.start();
    new SearchBox(this.address("search"), page, (found) => this.found(found)).start();
    const alarm = new Alarm(part<HTMLButtonElement>("[data-sound]"), part("[data-toasts]"), page);
    alarm.start();
    startLive(page, {
      onEvent: (event) => {
        alarm.hear(event);
        this.map?.follow(event);
      },
      onResync: () => this.map?.refresh(),
      onMissed: (since) => void alarm.missed(since),
      rings: true,
    });
    this.bindTools();
    await this.openMap();
  }

  private address(name: string): string {
    return this.shell.dataset[name] ?? "";
  }

  private async openMap(): Promise<void> {
    const { CardPopup: Card, MobileLayer: Layer, openCityMap, Tip } = await arriving;
    const shown = readShown(location.hash);
    const pointed = readPointed(location.hash);
    const place = shown ?? (pointed === undefined ? undefined : { center: pointed.at, zoom: POINTED_ZOOM });
    const map = openCityMap(this.box, this.page, {
      interactive: true,
      ...addressesOf(this.shell),
      facts,
      ...(place === undefined ? {} : { place }),
      room: this.room(),
      ...chosenIn(shown),
      busy: () => this.sketch?.using !== undefined,
      onAsset: (asset) => tip?.show(asset),
      onPick: (asset) => this.picked(asset),
      onMobile: (id) => this.pickedMobile(id),
      onView: (view) => {
        this.list.show(view);
        this.listMobile();
        this.layers?.tellHeat(map.heatCut());
      },
    });
    this.map = map;
    const tip: InstanceType<typeof Tip> | undefined = new Tip(this.box, map);
    this.popup = new Card(this.box, map, this.page, leadsOf(this.shell));
    if (pointed !== undefined) map.point(pointed.id);
    if (!(await map.ready) || map.canvas === undefined || map.facts === undefined) return;
    this.sketch = new Sketch(map, this.box, { onChange: (tool, points, moving) => this.measured(tool, points, moving), onRing: (_, ring) => void this.selected(ring) });
    this.sketch.start(map.canvas);
    this.mobile = new Layer(map, this.page, this.address("mobile"), { named: true, onChange: () => this.mobileMoved() });
    this.mobile.show(map.choice.mobile);
    this.layers = new LayersPane(map, this.page, () => this.chosen());
    this.layers.start(map.facts);
    drawLegend(this.page, map.facts);
    map.canvas.on("moveend", () => this.keepAddress());
    addEventListener("hashchange", () => this.followAddress());
    this.shell.dataset.ready = "";
  }

  /** Something was switched on or off. */
  private chosen(): void {
    this.mobile?.show(this.map?.choice.mobile === true);
    this.keepAddress();
  }

  /** How much of the map lies under search, tools and panel: what it moves to belongs into the rest. */
  private room(): { top: number; right: number; bottom: number; left: number } {
    return matchMedia(NARROW).matches ? { top: 80, right: 70, bottom: 110, left: 24 } : { top: 40, right: 84, bottom: 48, left: 400 };
  }

  /** From the middle of the map to the middle of what is not covered, in pixels. */
  private openMiddle(): [number, number] {
    return matchMedia(NARROW).matches ? [0, 30 - this.underSheet / 2] : [150, 60];
  }

  /** How much of a phone's map lies under the sheet once that has come to rest, in pixels. */
  private get underSheet(): number {
    return this.panel.at === "peek" ? 70 : this.shell.clientHeight * 0.52;
  }

  // --- where it looks -------------------------------------------------------------------------------------------

  private keepAddress(): void {
    if (this.map === undefined || readPointed(location.hash) !== undefined && this.popup?.open !== true && this.shell.dataset.ready === undefined) return;
    const { base, severity, areas, heat, heatKind, mobile, layers } = this.map.choice;
    const all = ALL_FAMILIES.every((family) => this.map?.choice.families.includes(family));
    const families = all ? {} : { families: this.map.choice.families };
    history.replaceState(null, "", writeShown({ ...this.map.place(), base, ...families, severity, areas, heat, heatKind, mobile, layers }));
  }

  /** Somebody put another address in, or went back. */
  private followAddress(): void {
    const shown = readShown(location.hash);
    const pointed = readPointed(location.hash);
    if (pointed !== undefined) {
      this.map?.point(pointed.id);
      this.map?.goTo({ at: pointed.at, zoom: POINTED_ZOOM });
    }
    if (shown === undefined || this.map === undefined) return;
    this.map.choose(chosenIn(shown));
    this.layers?.read(this.map.choice);
    this.map.goTo({ at: shown.center, zoom: shown.zoom }, true);
    this.chosen();
  }

  private found(found: Found): void {
    if (found.id !== undefined && found.kind === "asset") this.map?.point(found.id);
    if (found.bbox !== undefined && found.kind !== "asset") this.map?.goTo({ bbox: found.bbox });
    else this.map?.goTo(placeOf(found));
    this.acts.tell(this.page.t("map.went", { name: found.name }));
    if (found.kind !== "asset" || found.id === undefined || this.map === undefined) return;
    const at = ontoMap([found.lon, found.lat], this.map.crs);
    this.card({ id: found.id, family: "", code: "", state: "intact", severity: 0, caseId: undefined, caseKind: "", name: found.name, road: found.detail ?? "", at });
  }

  private visit(asset: ShownAsset): void {
    const { map } = this;
    if (map?.canvas === undefined) return;
    this.card(asset, true);
    map.canvas.easeTo({ center: asset.at, zoom: Math.max(map.canvas.getZoom(), 17), offset: this.openMiddle() });
  }

  private picked(asset: ShownAsset | undefined): void {
    this.card(asset, document.activeElement === this.map?.canvas?.getCanvas() && asset !== undefined);
  }

  private card(asset: ShownAsset | undefined, focus = false): void {
    this.mobileShown = undefined;
    const sheet = part("[data-card-place]", this.shell);
    if (!matchMedia(NARROW).matches) {
      sheet.hidden = true;
      this.popup?.show(asset, focus);
      return;
    }
    this.map?.point(asset?.id);
    // who was in it goes on at the map
    if (asset === undefined && sheet.contains(document.activeElement)) this.map?.canvas?.getCanvas().focus();
    sheet.hidden = asset === undefined;
    if (asset === undefined) return;
    void import("./citymap/card").then(({ cardOf }) => {
      this.inSheet(cardOf(this.page, asset, leadsOf(this.shell), () => this.card(undefined)), asset.at);
    });
  }

  private inSheet(body: HTMLElement, place: Position): void {
    const sheet = part("[data-card-place]", this.shell);
    sheet.hidden = false;
    sheet.replaceChildren(body);
    part("[data-pane=view]", this.shell).scrollTop = 0;
    this.panel.show("view");
    const canvas = this.map?.canvas;
    // what was tapped must not disappear below the sheet that tells of it
    const uncover = (): void => {
      if (canvas === undefined || !body.isConnected) return;
      if (canvas.project(place).y > this.shell.clientHeight - this.underSheet - 40) canvas.easeTo({ center: place, offset: this.openMiddle() });
    };
    // on its way there the map would be stopped, and stay as far away as it was
    if (canvas?.isMoving() === true) canvas.once("moveend", uncover);
    else uncover();
  }

  // --- what moves -----------------------------------------------------------------------------------------------

  private pickedMobile(id: number): void {
    const found = this.mobile?.find(id);
    if (found !== undefined) this.cardOfMobile(found, document.activeElement === this.map?.canvas?.getCanvas());
  }

  private visitMobile(chosen: MobileResource): void {
    const found = this.mobile?.find(chosen.id ?? 0) ?? chosen;
    const { map } = this;
    if (map?.canvas === undefined) return;
    this.cardOfMobile(found, true);
    map.canvas.easeTo({ center: ontoMap(found.at, map.crs), zoom: Math.max(map.canvas.getZoom(), 15), offset: this.openMiddle() });
  }

  private cardOfMobile(resource: MobileResource, focus = false): void {
    this.card(undefined);
    const card = this.writeMobile(resource);
    if (card === undefined || this.map === undefined) return;
    this.mobileShown = resource.id;
    const at = ontoMap(resource.at, this.map.crs);
    if (matchMedia(NARROW).matches) this.inSheet(card, at);
    else this.popup?.showBody(card, at, focus);
  }

  private writeMobile(resource: MobileResource): HTMLElement | undefined {
    if (this.mobile === undefined) return undefined;
    const fresh = isFresh(resource, this.mobile.places, Date.now());
    return mobileCard(this.page, resource, fresh, this.address("resource"), () => this.card(undefined));
  }

  /** They were asked for again: the card goes along with what it tells of, unless somebody is in it. */
  private mobileMoved(): void {
    this.listMobile();
    if (this.mobileShown === undefined || this.map === undefined) return;
    const shown = this.mobile?.find(this.mobileShown);
    if (this.mobile?.shown !== true) this.card(undefined);
    if (this.mobile?.shown !== true || shown === undefined || document.activeElement?.closest(".map-pop-body") !== null) return;
    const card = this.writeMobile(shown);
    if (card === undefined) return;
    if (matchMedia(NARROW).matches) part("[data-card-place]", this.shell).replaceChildren(card);
    else this.popup?.showBody(card, ontoMap(shown.at, this.map.crs));
  }

  private listMobile(): void {
    const { map, mobile } = this;
    const bounds = map?.canvas?.getBounds();
    if (map === undefined || mobile === undefined || bounds === undefined || !mobile.shown) this.mobilePane.hide();
    else this.mobilePane.show(mobile.places, (each) => bounds.contains(ontoMap(each.at, map.crs)));
  }

  // --- tools ----------------------------------------------------------------------------------------------------

  private bindTools(): void {
    const zoom = (by: number): void => {
      this.map?.canvas?.easeTo({ zoom: this.map.canvas.getZoom() + by, duration: 200 });
    };
    const acts: Readonly<Record<string, () => void>> = {
      zoom_in: () => zoom(1),
      zoom_out: () => zoom(-1),
      city: () => this.map?.facts?.bbox && this.map.goTo({ bbox: this.map.facts.bbox }),
      me: () => this.acts.findMe(),
      share: () => void this.acts.share(),
      print: () => void this.acts.print(),
      full: () => void this.acts.full(),
    };
    for (const button of this.shell.querySelectorAll<HTMLButtonElement>("[data-tool]")) {
      const name = button.dataset.tool ?? "";
      button.addEventListener("click", () => {
        const act = acts[name];
        if (act !== undefined) act();
        else this.take(this.sketch?.using === name ? undefined : (name as Tool));
      });
    }
    part("[data-hint-end]", this.shell).addEventListener("click", () => this.take(undefined));
    part("[data-hint-undo]", this.shell).addEventListener("click", () => this.sketch?.undo());
    part("[data-hint-done]", this.shell).addEventListener("click", () => this.sketch?.finish());
    onPrintKey(() => void this.acts.print());
    addEventListener("beforeprint", () => this.acts.paper());
    addEventListener("afterprint", () => {
      part<HTMLImageElement>("[data-paper]", this.shell).hidden = true;
    });
    this.shell.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.defaultPrevented) return;
      if (this.sketch?.using !== undefined) this.take(undefined);
      else this.card(undefined);
    });
  }

  private take(tool: Tool | undefined): void {
    this.outlines += 1;
    this.sketch?.use(tool);
    this.card(undefined);
    for (const button of this.shell.querySelectorAll<HTMLElement>("[data-tool][aria-pressed]")) {
      button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
    }
    const result = part("[data-result]", this.shell);
    result.hidden = true;
    part("[data-hint]", this.shell).hidden = tool === undefined;
    if (tool === undefined) return;
    say(part("[data-hint-text]", this.shell), this.page.t(`map.hint.${tool}`));
    for (const place of ["[data-measure]", "[data-measured]"]) say(part(place, this.shell), "");
    part("[data-hint-undo]", this.shell).hidden = tool !== "length" && tool !== "surface";
    part("[data-hint-done]", this.shell).hidden = tool !== "lasso";
    this.map?.canvas?.getCanvas().focus();
  }

  private measured(tool: Tool, points: readonly Position[], moving: boolean): void {
    const write = ({ value, decimals, unit }: Measured): string => quantity(value, decimals, this.page.t(`map.unit.${unit}`));
    const length = write(readableLength(lengthM(points)));
    const measured = tool === "length" ? this.page.t("map.length", { length }) : tool === "surface" ? this.surface(points, write) : "";
    const words = points.length < 2 ? "" : measured;
    say(part("[data-measure]", this.shell), words);
    // who listens hears of points that were set, not of every step of the pointer
    if (!moving) say(part("[data-measured]", this.shell), words);
  }

  private surface(points: readonly Position[], write: (measured: Measured) => string): string {
    const around = write(readableLength(lengthM([...points, ...points.slice(0, 1)])));
    return this.page.t("map.surface", { area: write(readableArea(areaM2(points))), around });
  }

  private async selected(ring: readonly Position[]): Promise<void> {
    const { map } = this;
    if (map === undefined) return;
    const result = part("[data-result]", this.shell);
    const { t } = this.page;
    this.outlines += 1;
    const asked = this.outlines;
    const narrowed = this.layers?.narrowed() ?? "";
    this.panel.show("view");
    result.hidden = false;
    result.textContent = t("map.counting");
    try {
      const found = await select(this.address("selections"), ring, map.choice);
      if (asked !== this.outlines) return; // another line was drawn meanwhile, or the tool put down
      result.replaceChildren(...resultOf(this.page, found, narrowed));
      this.sketch?.show(found.outline);
    } catch (error) {
      if (asked !== this.outlines) return;
      result.textContent = error instanceof Refused ? error.message : t("map.search_lost");
    }
    result.querySelector<HTMLElement>("a")?.focus();
  }

}

/** What a link says is switched on. */
function chosenIn(shown: Shown | undefined): Required<Pick<CityMapOptions, "base" | "families" | "severity" | "areas" | "heat" | "heatKind" | "mobile" | "layers">> {
  return {
    base: shown?.base ?? true,
    families: ALL_FAMILIES.filter((family) => shown?.families?.includes(family) ?? true),
    severity: shown?.severity ?? 0,
    areas: LayersPane.known("areas", shown?.areas, BY_ZOOM),
    heat: Number(LayersPane.known("heat", String(shown?.heat), "0")),
    heatKind: LayersPane.known("kind", shown?.heatKind, ""),
    mobile: shown?.mobile ?? false,
    layers: shown?.layers ?? [],
  };
}

void thisPage().then((page) => new MapPage(page).start());
