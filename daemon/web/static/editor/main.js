// The editor's page: one drawing, figure by figure; box, mask, cut lines and joints, with the motion playing beside them. What is changed is
// kept here until it is saved: every request has the whole edit.
import { Preview } from "./preview.js";
import { getJson, postJson } from "./requests.js";
import { labelsOfRuns, maskOfRuns } from "./runs.js";
import { NO_TOOL, Stage } from "./stage.js";
import { History, editOf, isEmpty, stateOf } from "./state.js";
import { Box, Brush, Cut, Fill, Joints, SmartEdge, readable } from "./tools.js";

const element = (id) => document.getElementById(id);
const { base: home, key, purpose } = element("editor").dataset;
const at = (...parts) => [`${home}edit/${encodeURIComponent(key)}`, ...parts].join("/");
const LABELS = { right_arm: 2, left_arm: 3, right_leg: 4, left_leg: 5 };

const loadImage = (url) => new Promise((resolve, reject) => {
  const image = new Image();
  image.onload = () => resolve(image);
  image.onerror = () => reject(new Error("an image of this drawing can't be shown"));
  image.src = url;
});

class Page {
  constructor() {
    this.figures = [];
    this.number = 0;
    this.stage = new Stage(element("stage"), { onView: (view) => this.#viewChanged(view), say: (text) => this.say(text) });
    this.preview = new Preview({ onNotes: (lines) => this.#listNotes(lines), onError: (text) => this.say(text, true) });
    this.joints = new Joints(this);
    this.box = new Box(this);
    this.tools = {
      joints: this.joints, brush: new Brush(this, 1), eraser: new Brush(this, 0), fill: new Fill(this), edge: new SmartEdge(this),
      cut: new Cut(this), box: this.box,
    };
    this.#listen();
  }

  // --- figures -------------------------------------------------------------------------------------------------------

  async open() {
    try {
      const { figures, motions, notes, is_saved: isSaved } = await getJson(at("figures"));
      Object.assign(this, { notes, isSaved });
      element("motion").replaceChildren(...motions.map((name) => new Option(readable(name), name)));
      this.figures = figures.map((name) => ({ name, history: null, base: null }));
      element("figures").hidden = figures.length < 2;
      element("figure").replaceChildren(...figures.map((name, index) => new Option(`${index + 1} of ${figures.length}`, index)));
      await this.select(0);
    } catch (error) { this.say(error.message, true); }
  }

  async select(number) {
    if (!this.figures[number].history) {
      this.#setBusy(true);
      try { await this.#load(number); } finally { this.#setBusy(false); }
    }
    if (Number(element("figure").value) !== number) return; // another one was chosen meanwhile
    this.number = number;
    this.#showFrame();
    const tool = this.state ? this.#chosen : "box";
    this.choose(tool === "box" && !this.drawingSize ? "joints" : tool);
    this.refresh();
    this.#showMotion();
    this.say(this.state ? "" : "No figure was found: draw a box around it.");
  }

  async #selectOrStay(number) {
    try { await this.select(number); } catch (error) {
      if (Number(element("figure").value) !== number) return; // another one was chosen meanwhile
      element("figure").value = this.number; // the list names the figure that is shown, and the other one can be chosen again
      this.say(error.message, true);
    }
  }

  async #load(number) {
    const figure = this.figures[number], { figure: found, drawing } = await getJson(at(number));
    figure.drawingSize = drawing;
    figure.base = found && stateOf(found);
    if (drawing && !figure.drawing) figure.drawing = await loadImage(at(number, "drawing"));
    figure.texture = found && await loadImage(`${at(number, "texture")}?${Date.now()}`);
    figure.history ??= new History(figure.base);
  }

  get figure() { return this.figures[this.number]; }

  get state() { return this.figure?.history?.state ?? null; }

  get drawingSize() { return this.figure?.drawingSize ?? null; }

  /** Of the brush, px of the crop: on the screen it stays as large as it is when the figure is zoomed. */
  get radius() { return 0.5 * element("size").value / this.stage.view.scale; }

  maskOf(runs) { return maskOfRuns(runs, this.state.mask.length); }

  labelsOf(runs) { return labelsOfRuns(runs, this.state.mask.length); }

  chosenLimb() { return element("limb").value; }

  #showFrame() {
    const { figure, state } = this, [wide, high] = this.drawingSize ?? [1, 1];
    const frame = state?.frame ?? { box: [0, 0, wide, high], width: wide, height: high };
    const hasTexture = state && figure.base && String(figure.base.frame.box) === String(frame.box);
    this.stage.setFrame(frame, { drawing: figure.drawing, drawingSize: this.drawingSize, texture: hasTexture ? figure.texture : null });
  }

  // --- changes -------------------------------------------------------------------------------------------------------

  push(state) {
    this.figure.history.push({ ...state, derived: null }); // from other joints or another mask
    this.say("");
    this.#changed();
  }

  #changed() {
    this.#showFrame();
    if (this.state) this.refresh();
    else this.choose("box"); // the first box was undone
    this.#showMotion();
  }

  #step(way) { // not during a stroke, which ends on the state that it began on
    if (!this.stage.isBusy && !this.stage.isDrawing && this.figure?.history?.[way]()) {
      this.say(way === "undo" ? "Undone." : "Redone.");
      this.#changed();
    }
  }

  /** Ask the server for a change of this figure; one question at a time, and nothing is edited meanwhile. */
  async ask(what, sent, use) {
    const { number, state, figure } = this;
    this.#setBusy(true);
    try {
      const content = await postJson(at(number, what), sent(state ? editOf(figure.base, state) : {}));
      if (this.number === number && this.state === state) use(content);
      return true;
    } catch (error) {
      this.say(error.message, true);
      return false;
    } finally { this.#setBusy(false); }
  }

  findFigure(box) {
    this.say("Looking for the figure in this box ...");
    return this.ask("box", () => ({ box }), ({ figure, notes }) => {
      this.push(stateOf(figure));
      this.say("This is the figure in the box.");
      this.#listNotes(notes);
    });
  }

  async #showLayers() {
    const { state } = this;
    if (!state || this.#chosen !== "cut") return;
    if (!state.labels && !state.derived) {
      await this.ask("layers", (edit) => ({ edit }), ({ labels }) => {
        state.derived = labels ? this.labelsOf(labels) : new Uint8Array(state.mask.length).fill(1);
      });
    }
    if (this.state === state) this.refresh();
  }

  get shownLabels() { return this.state?.labels ?? this.state?.derived ?? null; }

  #join(limb) {
    const { state } = this, labels = this.shownLabels.map((label) => (label === LABELS[limb] ? 1 : label));
    this.push({ ...state, labels, own: true, cuts: state.cuts.filter((cut) => cut.limb !== limb) });
    this.say(`The ${readable(limb)} belongs to the body.`);
  }

  // --- what is shown -------------------------------------------------------------------------------------------------

  refresh() {
    const { state, figure } = this, chosen = this.#chosen;
    this.stage.tool = state || (chosen === "box" && this.drawingSize) ? this.tools[chosen] : NO_TOOL;
    if (state) this.paintMask(state.mask);
    this.joints.update(chosen === "joints");
    this.box.update(chosen === "box");
    this.stage.draw();
    for (const input of document.querySelectorAll("#tools input")) {
      input.disabled = input.value === "box" ? !this.drawingSize : !state;
    }
    element("undo").disabled = !figure?.history?.undoStack.length;
    element("redo").disabled = !figure?.history?.redoStack.length;
    element("swap").disabled = !state || !this.joints.pairs.length;
    element("automatic").disabled = !state?.own;
    element("accept").disabled = !this.#canAccept();
    this.#listLimbs();
    if (chosen === "cut" && state && !this.shownLabels && !this.stage.isBusy) this.#showLayers();
  }

  paintMask(mask, rows) {
    this.stage.paintShade(mask, this.#chosen === "cut" ? this.shownLabels : null, rows);
    this.stage.draw();
  }

  #listLimbs() {
    const { state, shownLabels: labels } = this, limbs = state?.limbs ?? [];
    const apart = labels ? limbs.filter((limb) => labels.includes(LABELS[limb])) : [];
    const list = apart.map((limb) => {
      const button = Object.assign(document.createElement("button"), { type: "button", className: `layer ${limb}`, textContent: `Join ${readable(limb)}` });
      button.addEventListener("click", () => { if (!this.stage.isBusy) this.#join(limb); });
      return button;
    });
    element("apart").replaceChildren(...list);
    const chosen = element("limb").value;
    element("limb").replaceChildren(new Option("nearest limb", ""), ...limbs.map((limb) => new Option(readable(limb), limb, false, limb === chosen)));
  }

  #viewChanged(view) {
    this.joints.redraw();
    this.box.redraw(view);
  }

  #showMotion() {
    const { state, figure, number } = this;
    if (!state) { this.preview.clear(); return; }
    this.preview.show(at(number, "preview"), element("motion").value, () => editOf(figure.base, figure.history.state));
  }

  say(text, isBad = false) {
    element("message").textContent = text;
    element("message").classList.toggle("bad", isBad);
  }

  #listNotes(lines) {
    element("notes").replaceChildren(...[...this.notes, ...lines].map((line) => Object.assign(document.createElement("li"), { textContent: line })));
  }

  #setBusy(isBusy) {
    this.stage.isBusy = isBusy;
    element("stage").setAttribute("aria-busy", isBusy);
    if (!isBusy) this.refresh();
  }

  // --- tools ---------------------------------------------------------------------------------------------------------

  get #chosen() { return document.querySelector("#tools input:checked").value; }

  choose(tool) {
    document.querySelector(`#tools input[value=${tool}]`).checked = true;
    const wasWhole = this.stage.showsDrawing;
    this.stage.showsDrawing = tool === "box" || !this.state;
    this.stage.shows.shade = Boolean(this.state) && tool !== "box";
    element("stage").dataset.tool = tool;
    for (const options of document.querySelectorAll("[data-for]")) options.hidden = !options.dataset.for.split(" ").includes(tool);
    this.#sizeChanged();
    if (wasWhole !== this.stage.showsDrawing) this.stage.fit();
    this.refresh();
  }

  #sizeChanged() { this.stage.brushPx = this.state && ["brush", "eraser", "edge"].includes(this.#chosen) ? 0.5 * element("size").value : 0; }

  // --- saving --------------------------------------------------------------------------------------------------------

  #edits() {
    const changed = this.figures.flatMap(({ base, history }, number) => {
      if (!history?.state) return [];
      const edit = editOf(base, history.state);
      return isEmpty(edit) ? [] : [[number, edit]];
    });
    return Object.fromEntries(changed);
  }

  get hasChanges() { return this.figures.some(({ base, history }) => history?.state && history.state !== base && !isEmpty(editOf(base, history.state))); }

  #canAccept() { return !this.stage.isBusy && Boolean(this.state) && (purpose === "animate" || !this.isSaved || this.hasChanges); }

  async accept() {
    if (!this.#canAccept() || this.isSaving) return;
    this.isSaving = true;
    element("accept").disabled = true;
    const sent = this.#edits(), edits = Object.keys(sent).length ? sent : { [this.number]: editOf(this.figure.base, this.state) };
    try {
      const { message, notes, link } = await postJson(at("accept"), { edits });
      this.isSaved = true;
      this.#accepted(Object.keys(edits).map(Number));
      this.say(message);
      this.#listNotes(notes);
      if (link !== null) {
        const anchor = Object.assign(document.createElement("a"), { href: home + link, textContent: "See it" });
        element("message").append(" ", anchor);
      }
      if (purpose === "save") await Promise.all(Object.keys(edits).map((number) => this.#load(Number(number))));
    } catch (error) { this.say(error.message, true); }
    this.isSaving = false;
    this.#showFrame();
    this.refresh();
  }

  /** What was accepted needs no saving again. */
  #accepted(numbers) {
    if (purpose === "save") return;
    for (const number of numbers) this.figures[number].accepted = this.figures[number].history.state;
  }

  get isUnsaved() { return this.figures.some(({ accepted, base, history }) => history?.state && ![accepted, base].includes(history.state)) && this.hasChanges; }

  // --- events --------------------------------------------------------------------------------------------------------

  #listen() {
    element("tools").addEventListener("change", ({ target }) => this.choose(target.value));
    element("figure").addEventListener("change", ({ target }) => this.#selectOrStay(Number(target.value)));
    element("motion").addEventListener("change", () => this.#showMotion());
    element("size").addEventListener("input", () => { this.#sizeChanged(); this.stage.draw(); });
    element("undo").addEventListener("click", () => this.#step("undo"));
    element("redo").addEventListener("click", () => this.#step("redo"));
    element("swap").addEventListener("click", () => { if (!this.stage.isBusy) this.joints.swapSides(); });
    element("automatic").addEventListener("click", () => {
      if (!this.stage.isBusy) this.push({ ...this.state, labels: null, own: false, cuts: [] });
    });
    element("accept").addEventListener("click", () => this.accept());
    element("zoom-in").addEventListener("click", () => this.stage.zoom(1.25));
    element("zoom-out").addEventListener("click", () => this.stage.zoom(0.8));
    element("fit").addEventListener("click", () => this.stage.fit());
    addEventListener("keydown", (event) => {
      if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
      const act = { s: () => this.accept(), z: () => this.#step(event.shiftKey ? "redo" : "undo"), y: () => this.#step("redo") }[event.key.toLowerCase()];
      if (act) { event.preventDefault(); act(); }
    });
    addEventListener("beforeunload", (event) => { if (this.isUnsaved) event.preventDefault(); });
  }
}

const page = new Page();
document.documentElement.editor = page; // for tests and the console
await page.open();
