// The stage: the drawing with mask and layers over it, seen through a view that zooms and pans. It turns pointers, fingers and keys into
// strokes of places in the crop: a tool has begin(place), move(place), end(place) and cancel(); begin returns false where the view pans.
//
// Keys: arrows move a cursor (with Shift ten pixels), Space or Enter puts the pen down and lifts it, Escape cancels; + and - zoom, 0 fits.

const SVG = "http://www.w3.org/2000/svg";
const OUTSIDE = [120, 116, 108, 165]; // what is not figure, RGBA
const LAYER_COLORS = [[0, 0, 0], [255, 255, 255], [230, 60, 50], [50, 90, 230], [250, 210, 50], [40, 170, 80]]; // pipeline/types/character.py
const LAYER_ALPHA = 120;
const MARGIN = 0.04, MAX_ZOOM = 24;

/** The tool of a page that has no figure yet: nothing can be drawn. */
export const NO_TOOL = { begin: () => false, move() {}, end() {}, cancel() {} };

export const createSvg = (name, into, attributes = {}) => {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return into.appendChild(made);
};

export class Stage {
  #pointers = new Map();
  #stroke = null; // the pointer that draws, or "keys"
  #pinch = null;
  #cursor = null;

  constructor(root, { onView, say }) {
    Object.assign(this, { root, onView, say, tool: NO_TOOL, scale0: 1, brushPx: 0, isBusy: false });
    this.canvas = root.querySelector("canvas");
    this.svg = root.querySelector("svg");
    this.world = createSvg("g", this.svg);
    this.brush = createSvg("circle", this.svg, { class: "brush", visibility: "hidden" });
    this.cross = createSvg("path", this.svg, { class: "cross", visibility: "hidden" });
    this.shade = document.createElement("canvas");
    this.view = { scale: 1, x: 0, y: 0 };
    this.frame = { width: 1, height: 1, box: null };
    this.images = { drawing: null, drawingSize: null, texture: null };
    this.shows = { shade: true };
    new ResizeObserver(() => this.fit()).observe(root);
    this.#listen();
  }

  /** Whether a stroke has begun and not ended. */
  get isDrawing() { return this.#stroke !== null; }

  /** Show another crop. texture is null for one that is drawn from the whole drawing. */
  setFrame(frame, { drawing, drawingSize, texture }) {
    const isOther = String(this.frame.box) !== String(frame.box) || this.frame.width !== frame.width;
    this.frame = frame;
    this.images = { drawing, drawingSize, texture };
    Object.assign(this.shade, { width: frame.width, height: frame.height });
    if (isOther) this.fit();
  }

  /** Places of the drawing in px of the crop, and back. */
  get drawingScale() { return this.frame.box ? this.frame.width / (this.frame.box[2] - this.frame.box[0]) : 1; }

  toDrawing([x, y]) {
    const [left, top] = this.frame.box, s = this.drawingScale;
    return [left + x / s, top + y / s];
  }

  fromDrawing([x, y]) {
    const [left, top] = this.frame.box, s = this.drawingScale;
    return [(x - left) * s, (y - top) * s];
  }

  /** Draw mask and layers into the shade, all of it or some rows. */
  paintShade(mask, labels = null, [first, last] = [0, this.frame.height]) {
    const { width } = this.frame, context = this.shade.getContext("2d");
    const image = context.createImageData(width, Math.max(1, last - first)), pixels = new Uint32Array(image.data.buffer);
    const packed = ([r, g, b], a) => (a << 24 | b << 16 | g << 8 | r) >>> 0;
    const outside = packed(OUTSIDE, OUTSIDE[3]), colors = LAYER_COLORS.map((color, label) => (label > 1 ? packed(color, LAYER_ALPHA) : 0));
    for (let at = 0, from = first * width; at < pixels.length; at++, from++) {
      pixels[at] = !mask[from] ? outside : labels ? colors[labels[from]] : 0;
    }
    context.putImageData(image, 0, first);
  }

  // --- view ----------------------------------------------------------------------------------------------------------

  /** The part that a tool shows: the whole drawing, or the crop. */
  #extent() {
    const { width, height, box } = this.frame;
    if (!this.showsDrawing || !box || !this.images.drawingSize) return [0, 0, width, height];
    const [right, bottom] = this.fromDrawing(this.images.drawingSize), [left, top] = this.fromDrawing([0, 0]);
    return [left, top, right, bottom];
  }

  fit() {
    const { clientWidth: wide, clientHeight: high } = this.root;
    if (!wide || !high) return;
    const [left, top, right, bottom] = this.#extent();
    this.scale0 = Math.min(wide / (right - left), high / (bottom - top)) * (1 - 2 * MARGIN);
    const scale = this.scale0;
    this.view = { scale, x: (wide - (left + right) * scale) / 2, y: (high - (top + bottom) * scale) / 2 };
    this.draw();
  }

  zoom(factor, [x, y] = [this.root.clientWidth / 2, this.root.clientHeight / 2]) {
    const scale = Math.max(this.scale0 / 2, Math.min(MAX_ZOOM * this.scale0, this.view.scale * factor)), by = scale / this.view.scale;
    this.view = { scale, x: x - (x - this.view.x) * by, y: y - (y - this.view.y) * by };
    this.draw();
  }

  #pan(x, y) {
    this.view = { ...this.view, x: this.view.x + x, y: this.view.y + y };
    this.draw();
  }

  toPlace([x, y]) { return [(x - this.view.x) / this.view.scale, (y - this.view.y) / this.view.scale]; }

  toScreen([x, y]) { return [x * this.view.scale + this.view.x, y * this.view.scale + this.view.y]; }

  draw() {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => { this.isDue = false; this.#drawNow(); });
  }

  #drawNow() {
    const { clientWidth: wide, clientHeight: high } = this.root, ratio = devicePixelRatio || 1;
    const { canvas, view, frame, images } = this;
    if (canvas.width !== Math.round(wide * ratio) || canvas.height !== Math.round(high * ratio)) {
      Object.assign(canvas, { width: Math.round(wide * ratio), height: Math.round(high * ratio) });
    }
    const context = canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.setTransform(view.scale * ratio, 0, 0, view.scale * ratio, view.x * ratio, view.y * ratio);
    context.imageSmoothingEnabled = view.scale < 4;
    if (images.drawing && frame.box) {
      const [left, top] = this.fromDrawing([0, 0]), [right, bottom] = this.fromDrawing(images.drawingSize);
      context.drawImage(images.drawing, left, top, right - left, bottom - top);
      if (this.shows.shade) {
        context.fillStyle = `rgba(${OUTSIDE.slice(0, 3)}, .8)`;
        context.fill(this.#around([left, top, right, bottom]), "evenodd");
      }
    }
    if (images.texture) context.drawImage(images.texture, 0, 0, frame.width, frame.height);
    if (this.shows.shade) context.drawImage(this.shade, 0, 0);
    this.world.setAttribute("transform", `matrix(${view.scale} 0 0 ${view.scale} ${view.x} ${view.y})`);
    this.#drawCursor();
    this.onView(view);
  }

  /** All of the drawing but the crop. */
  #around([left, top, right, bottom]) {
    const path = new Path2D();
    path.rect(left, top, right - left, bottom - top);
    path.rect(0, 0, this.frame.width, this.frame.height);
    return path;
  }

  #drawCursor() {
    const at = this.#cursor && this.toScreen(this.#cursor);
    this.cross.setAttribute("visibility", at ? "visible" : "hidden");
    if (at) this.cross.setAttribute("d", `M${at[0] - 11} ${at[1]}h8m6 0h8M${at[0]} ${at[1] - 11}v8m0 6v8`);
    this.#drawBrush(at || this.hover);
  }

  #drawBrush(at) {
    this.brush.setAttribute("visibility", at && this.brushPx ? "visible" : "hidden");
    if (!at) return;
    const [x, y] = at;
    for (const [key, value] of Object.entries({ cx: x, cy: y, r: Math.max(1, this.brushPx) })) this.brush.setAttribute(key, value);
  }

  // --- pointers ------------------------------------------------------------------------------------------------------

  #at(event) {
    const { left, top } = this.root.getBoundingClientRect();
    return [event.clientX - left - this.root.clientLeft, event.clientY - top - this.root.clientTop];
  }

  #listen() {
    const { root } = this;
    root.addEventListener("pointerdown", (event) => this.#down(event));
    root.addEventListener("pointermove", (event) => this.#move(event));
    for (const kind of ["pointerup", "pointercancel"]) root.addEventListener(kind, (event) => this.#up(event));
    root.addEventListener("pointerleave", () => { this.hover = null; this.#drawBrush(null); });
    root.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY / 400), this.#at(event));
    }, { passive: false });
    root.addEventListener("keydown", (event) => this.#key(event));
    root.addEventListener("blur", () => { this.#cancelKeys(); this.#cursor = null; this.draw(); });
  }

  #down(event) {
    if (event.button !== 0 && event.button !== 1) return;
    event.preventDefault();
    this.#cancelKeys();
    this.#cursor = null;
    this.root.setPointerCapture(event.pointerId);
    if (!event.target.closest("[tabindex]")?.closest("svg")) this.root.focus({ focusVisible: false, preventScroll: true });
    this.#pointers.set(event.pointerId, this.#at(event));
    if (this.#pointers.size === 2) { // a second finger: what the first has begun was no stroke
      if (this.#stroke !== null) this.tool.cancel();
      this.#stroke = null;
      this.#pinch = this.#spread();
    } else if (this.#pointers.size === 1 && event.button === 0 && !this.isBusy) {
      const place = this.toPlace(this.#at(event));
      this.#stroke = this.tool.begin(place, { isTouch: event.pointerType === "touch" }) === false ? null : event.pointerId;
    }
  }

  #move(event) {
    const at = this.#at(event), before = this.#pointers.get(event.pointerId);
    this.hover = event.pointerType === "touch" ? null : at;
    if (!this.#cursor) this.#drawBrush(before || this.hover ? at : null);
    if (!before) { this.tool.hover?.(this.toPlace(at)); return; }
    this.#pointers.set(event.pointerId, at);
    if (this.#pinch) {
      const now = this.#spread();
      this.zoom(now.length / Math.max(1, this.#pinch.length), now.middle);
      this.#pan(now.middle[0] - this.#pinch.middle[0], now.middle[1] - this.#pinch.middle[1]);
      this.#pinch = now;
    } else if (this.#stroke === event.pointerId) {
      for (const each of event.getCoalescedEvents?.() ?? [event]) this.tool.move(this.toPlace(this.#at(each)));
      this.tool.move(this.toPlace(at));
    } else if (this.#stroke === null) this.#pan(at[0] - before[0], at[1] - before[1]);
  }

  #up(event) {
    if (!this.#pointers.delete(event.pointerId)) return;
    if (this.#pointers.size < 2) this.#pinch = null;
    if (this.#stroke === event.pointerId) {
      this.#stroke = null;
      if (event.type === "pointercancel") this.tool.cancel();
      else this.tool.end(this.toPlace(this.#at(event)));
    }
    if (event.pointerType === "touch") this.#drawBrush(null);
  }

  #spread() {
    const [[x1, y1], [x2, y2]] = [...this.#pointers.values()];
    return { length: Math.hypot(x1 - x2, y1 - y2), middle: [(x1 + x2) / 2, (y1 + y2) / 2] };
  }

  // --- keys ----------------------------------------------------------------------------------------------------------

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const zoom = { "+": 1.25, "=": 1.25, "-": 0.8 }[event.key];
    if (zoom) this.zoom(zoom, this.#cursor ? this.toScreen(this.#cursor) : undefined);
    else if (event.key === "0") this.fit();
    else if (event.target !== this.root) return; // a handle has the focus
    else if (event.key.startsWith("Arrow")) this.#moveCursor(event.key, event.shiftKey ? 10 : 1);
    else if (event.key === " " || event.key === "Enter") this.#pressPen();
    else if (event.key === "Escape" && this.#stroke === "keys") this.#cancelKeys();
    else return;
    event.preventDefault();
  }

  #moveCursor(key, far) {
    const [x, y] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
    const step = far * Math.max(1, Math.round(1 / this.view.scale));
    const { width, height } = this.frame, limit = (value, most) => Math.max(0, Math.min(most - 1, value));
    const from = this.#cursor ?? this.toPlace([this.root.clientWidth / 2, this.root.clientHeight / 2]).map(Math.round);
    const free = this.showsDrawing ? from.map((value, axis) => value + [x, y][axis] * step)
      : [limit(from[0] + x * step, width), limit(from[1] + y * step, height)];
    this.#cursor = this.#cursor || this.showsDrawing ? free : [limit(from[0], width), limit(from[1], height)];
    this.#follow();
    if (this.#stroke === "keys") this.tool.move(this.#cursor);
    this.draw();
  }

  /** Pan so that the cursor stays in view. */
  #follow() {
    const [x, y] = this.toScreen(this.#cursor), { clientWidth: wide, clientHeight: high } = this.root, edge = 24;
    this.#pan(Math.max(0, edge - x) - Math.max(0, x - wide + edge), Math.max(0, edge - y) - Math.max(0, y - high + edge));
  }

  #pressPen() {
    if (!this.#cursor) { this.#moveCursor("ArrowRight", 0); return; }
    if (this.#stroke === "keys") {
      this.#stroke = null;
      this.say("Pen up.");
      this.tool.end(this.#cursor);
    } else if (!this.isBusy && this.tool.begin(this.#cursor, { isTouch: false }) !== false) {
      this.#stroke = "keys";
      if (this.tool.isClick) {
        this.#stroke = null;
        this.tool.end(this.#cursor);
      } else this.say("Pen down: move with the arrow keys, lift with Space.");
    }
  }

  #cancelKeys() {
    if (this.#stroke !== "keys") return;
    this.#stroke = null;
    this.tool.cancel();
  }
}
