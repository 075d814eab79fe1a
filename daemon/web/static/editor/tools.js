// Tools of the stage. Each changes the state through the page: page.state, page.push(state), page.show(state) for what is not done yet.
import { createSvg } from "./stage.js";
import { filledPiece, paintLine } from "./pixels.js";

const DOT = 7, REACH = 16, FINGER = 30; // screen px
export const readable = (name) => name.replaceAll("_", " ");
const clamped = (value, size) => Math.max(0, Math.min(size - 1, Math.round(value)));
const within = ([x, y], { width, height }) => x >= 0 && y >= 0 && x < width && y < height;

/** Brush and eraser: they paint while the pointer moves. */
export class Brush {
  constructor(page, value) { Object.assign(this, { page, value }); }

  begin(place) {
    this.mask = this.page.state.mask.slice();
    this.last = place;
    this.#paint(place);
  }

  move(place) { this.#paint(place); }

  end() {
    const { mask } = this;
    this.mask = null;
    this.page.push({ ...this.page.state, mask });
  }

  cancel() {
    this.mask = null;
    this.page.refresh();
  }

  #paint(place) {
    const { page, last } = this, { frame } = page.state, radius = page.radius;
    paintLine(this.mask, frame.width, last, place, radius, this.value);
    const rows = [Math.min(last[1], place[1]) - radius - 1, Math.max(last[1], place[1]) + radius + 2];
    page.paintMask(this.mask, rows.map((row) => Math.max(0, Math.min(frame.height, Math.round(row)))));
    this.last = place;
  }
}

/** Fill: a hole becomes figure, a piece becomes paper. */
export class Fill {
  isClick = true;

  constructor(page) { this.page = page; }

  begin(place) { return within(place, this.page.state.frame) ? undefined : false; }

  move() {}

  cancel() {}

  end(place) {
    const { state } = this.page;
    if (!within(place, state.frame)) return;
    const at = place.map(Math.floor), mask = filledPiece(state.mask, state.frame.width, at);
    if (!mask) this.page.say("This paper is open to the edge of the box: only holes and separate pieces can be filled.", true);
    else if (!mask.includes(1)) this.page.say("This is the whole figure: it stays.", true);
    else this.page.push({ ...state, mask });
  }
}

/** A line that is drawn with the pointer, shown while it grows. */
class Line {
  constructor(page, kind) {
    this.page = page;
    this.line = createSvg("polyline", page.stage.world, { class: `stroke ${kind}`, visibility: "hidden" });
  }

  begin(place) {
    this.points = [];
    this.move(place);
  }

  move(place) {
    const at = this.limited(place), last = this.points.at(-1);
    if (last && Math.hypot(at[0] - last[0], at[1] - last[1]) < 1) return;
    this.points.push(at);
    this.line.setAttribute("points", this.points.join(" "));
    this.line.setAttribute("visibility", "visible");
  }

  limited([x, y]) {
    const { width, height } = this.page.state.frame;
    return [clamped(x, width), clamped(y, height)];
  }

  cancel() {
    this.points = [];
    this.line.setAttribute("visibility", "hidden");
  }
}

/** Smart edge: the server moves the edge of the mask to the ink within the band that was painted. */
export class SmartEdge extends Line {
  constructor(page) { super(page, "band"); }

  begin(place) {
    this.line.style.strokeWidth = 2 * this.page.radius;
    super.begin(place);
  }

  async end() {
    const { points, page } = this, { state } = page;
    await page.ask("snap", (edit) => ({ edit, points, radius: page.radius }), ({ mask }) => page.push({ ...state, mask: page.maskOf(mask) }));
    this.cancel();
  }
}

const LIMBS = { arm: ["shoulder", "elbow", "hand"], leg: ["hip", "knee", "foot"] };

/** Cut: a line between a limb and the body. */
export class Cut extends Line {
  constructor(page) { super(page, "cut"); }

  async end() {
    const { points, page } = this, { state } = page;
    if (points.length < 2) { this.cancel(); return; }
    const limb = page.chosenLimb() || this.#nearest(points);
    const cuts = [...state.cuts, { limb, points }];
    await page.ask("cut", (edit) => ({ edit, lines: cuts.filter((cut) => cut.limb === limb) }), ({ labels }) => {
      page.push({ ...state, labels: page.labelsOf(labels), own: true, cuts });
      page.say(`The ${readable(limb)} moves apart from the body.`);
    });
    this.cancel();
  }

  /** The limb whose bones are nearest to a line, on average. */
  #nearest(points) {
    const { limbs, joints } = this.page.state;
    const away = (limb) => {
      const [side, kind] = limb.split("_"), bones = LIMBS[kind].map((joint) => joints[`${side}_${joint}`]);
      return points.reduce((sum, point) => sum + Math.min(...bones.slice(1).map((end, index) => distance(point, bones[index], end))), 0);
    };
    return limbs.map((limb) => [away(limb), limb]).sort(([one], [other]) => one - other)[0]?.[1];
  }
}

const distance = ([x, y], [x1, y1], [x2, y2]) => {
  const length2 = (x2 - x1) ** 2 + (y2 - y1) ** 2;
  const along = length2 ? Math.max(0, Math.min(1, ((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / length2)) : 0;
  return Math.hypot(x - x1 - along * (x2 - x1), y - y1 - along * (y2 - y1));
};

/** Box: drawn anew, or moved by its corners. The figure in it is found at the end. */
export class Box {
  constructor(page) {
    this.page = page;
    this.group = createSvg("g", page.stage.world, { class: "box", visibility: "hidden" });
    this.rect = createSvg("rect", this.group);
    this.corners = ["top left", "top right", "bottom right", "bottom left"].map((name) => {
      const corner = createSvg("circle", this.group, { tabindex: 0, role: "button", "aria-label": `${name} corner of the box` });
      corner.addEventListener("keydown", (event) => this.#key(event, name));
      return { name, corner };
    });
  }

  /** Show the box of the state, in px of the drawing; nothing where none is known. */
  update(isActive) {
    const { state, stage } = this.page;
    this.box = state ? state.frame.box : null;
    this.isActive = isActive;
    this.#draw(stage.view);
  }

  #draw({ scale }) {
    const isShown = this.isActive && this.box;
    this.group.setAttribute("visibility", isShown ? "visible" : "hidden");
    for (const { corner } of this.corners) corner.setAttribute("tabindex", isShown ? 0 : -1);
    if (!isShown) return;
    const [left, top] = this.page.stage.fromDrawing(this.box.slice(0, 2)), [right, bottom] = this.page.stage.fromDrawing(this.box.slice(2));
    for (const [key, value] of Object.entries({ x: left, y: top, width: right - left, height: bottom - top })) this.rect.setAttribute(key, value);
    for (const { name, corner } of this.corners) {
      corner.setAttribute("cx", name.includes("left") ? left : right);
      corner.setAttribute("cy", name.includes("top") ? top : bottom);
      corner.setAttribute("r", 9 / scale);
    }
  }

  redraw(view) { this.#draw(view); }

  begin(place, { isTouch }) {
    const at = this.page.stage.toDrawing(place), reach = (isTouch ? FINGER : REACH) / this.page.stage.view.scale / this.page.stage.drawingScale;
    this.before = this.box;
    const near = this.box && [[0, 1], [2, 1], [2, 3], [0, 3]].find(([x, y]) => Math.hypot(this.box[x] - at[0], this.box[y] - at[1]) < reach);
    this.anchor = near ? [this.box[2 - near[0]], this.box[4 - near[1]]] : at;
    this.move(place);
  }

  move(place) {
    const [wide, high] = this.page.drawingSize, at = this.page.stage.toDrawing(place);
    const limit = (value, most) => Math.max(0, Math.min(most, Math.round(value)));
    const [x1, y1, x2, y2] = [limit(this.anchor[0], wide), limit(this.anchor[1], high), limit(at[0], wide), limit(at[1], high)];
    this.box = [Math.min(x1, x2), Math.min(y1, y2), Math.max(x1, x2), Math.max(y1, y2)];
    this.#draw(this.page.stage.view);
  }

  async end() {
    clearTimeout(this.timer);
    const { box } = this, isSmall = box[2] - box[0] < 16 || box[3] - box[1] < 16;
    if (isSmall || String(box) === String(this.page.state?.frame.box)) { this.cancel(); return; }
    if (!await this.page.findFigure(box)) this.cancel();
  }

  cancel() {
    this.box = this.page.state ? this.page.state.frame.box : null;
    this.#draw(this.page.stage.view);
  }

  #key(event, name) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey || this.page.stage.isBusy) return;
    event.preventDefault();
    event.stopPropagation();
    const [wide, high] = this.page.drawingSize, far = event.shiftKey ? 10 : 1, box = [...this.box];
    const x = name.includes("left") ? 0 : 2, y = name.includes("top") ? 1 : 3;
    box[x] = Math.max(0, Math.min(wide, box[x] + far * step[0]));
    box[y] = Math.max(0, Math.min(high, box[y] + far * step[1]));
    if (box[2] - box[0] < 16 || box[3] - box[1] < 16) return;
    this.box = box;
    this.#draw(this.page.stage.view);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.end(), 700); // the keys have come to rest
  }
}

const hasSide = (name) => /^(left|right)_/.test(name);

/** Joints: dragged, or moved by keys. A joint that is on the root, as the hip is, shares its handle. */
export class Joints {
  constructor(page) {
    this.page = page;
    this.group = createSvg("g", page.stage.world, { class: "joints" });
    this.handles = [];
    this.bones = [];
  }

  /** Make the handles of a skeleton. */
  build(state) {
    this.group.replaceChildren();
    [this.handles, this.bones] = [[], []];
    if (!state) return;
    const root = state.skeleton.find(({ parent }) => parent === null).name;
    for (const { name, parent } of state.skeleton) {
      const isOnRoot = parent === root && !hasSide(name) && String(state.joints[root]) === String(state.joints[name]);
      const same = isOnRoot ? this.handles.find(({ names }) => names.includes(root)) : undefined;
      if (same) same.names.push(name);
      else this.handles.push({ names: [name] });
      if (parent !== null) this.bones.push({ name, parent });
    }
    for (const kind of ["edge", "core"]) {
      for (const bone of this.bones) bone[kind] = createSvg("line", this.group, { class: kind });
    }
    for (const handle of this.handles) {
      const side = hasSide(handle.names[0]) ? handle.names[0].split("_")[0] : "middle";
      handle.group = createSvg("g", this.group, { class: `joint ${side}`, tabindex: 0, role: "button" });
      handle.dot = createSvg("circle", handle.group, { class: "dot" });
      handle.label = createSvg("text", handle.group);
      handle.label.textContent = handle.names.map(readable).join(", ");
      handle.group.addEventListener("keydown", (event) => this.#key(event, handle));
    }
    this.of = state.skeleton;
  }

  update(isActive) {
    const { state } = this.page;
    if (state && this.of !== state.skeleton) this.build(state);
    this.isActive = isActive;
    this.group.setAttribute("visibility", state && isActive ? "visible" : "hidden");
    for (const { group } of this.handles) group.setAttribute("tabindex", isActive ? 0 : -1);
    if (state) this.#draw(state.joints);
  }

  redraw() { if (this.page.state && this.isActive) this.#draw(this.drag?.joints ?? this.page.state.joints); }

  #draw(joints) {
    const { scale } = this.page.stage.view, { frame, mask } = this.page.state;
    for (const { name, parent, edge, core } of this.bones) {
      for (const line of [edge, core]) {
        for (const [end, [x, y]] of [["1", joints[parent]], ["2", joints[name]]]) {
          line.setAttribute(`x${end}`, x + 0.5);
          line.setAttribute(`y${end}`, y + 0.5);
        }
      }
    }
    for (const { names, group, dot, label } of this.handles) {
      const [x, y] = joints[names[0]], at = [clamped(x, frame.width), clamped(y, frame.height)];
      const isOff = !within([x, y], frame) || !mask[at[1] * frame.width + at[0]], isRight = x > frame.width * 0.7;
      dot.setAttribute("cx", x + 0.5);
      dot.setAttribute("cy", y + 0.5);
      dot.setAttribute("r", DOT / scale);
      label.setAttribute("x", x + 0.5 + (isRight ? -1 : 1) * 12 / scale);
      label.setAttribute("y", y + 0.5 - 10 / scale);
      label.setAttribute("text-anchor", isRight ? "end" : "start");
      label.setAttribute("font-size", 15 / scale);
      group.classList.toggle("off", isOff);
      const where = `${Math.round(x)}, ${Math.round(y)}${isOff ? ", outside the figure" : ""}`;
      group.setAttribute("aria-label", `${names.map(readable).join(" and ")}, at ${where}`);
    }
  }

  /** The handle nearest to a place, if it is within reach: where joints crowd, the topmost need not be the nearest. */
  #near(place, isTouch) {
    const reach = (isTouch ? FINGER : REACH) / this.page.stage.view.scale, { joints } = this.page.state;
    const away = ({ names: [name] }) => Math.hypot(joints[name][0] + 0.5 - place[0], joints[name][1] + 0.5 - place[1]);
    const best = this.handles.reduce((one, other) => (!one || away(other) <= away(one) ? other : one), null);
    return best && away(best) <= reach ? best : null;
  }

  #highlight(near) { for (const handle of this.handles) handle.group.classList.toggle("near", handle === near); }

  hover(place) { this.#highlight(this.page.state && this.#near(place, false)); }

  begin(place, { isTouch }) {
    const handle = this.page.state && this.#near(place, isTouch);
    if (!handle) return false;
    const { joints } = this.page.state, [x, y] = joints[handle.names[0]];
    this.drag = { handle, x: x - place[0], y: y - place[1], joints };
    this.#highlight(null);
    handle.group.classList.add("dragged");
    handle.group.focus({ focusVisible: false, preventScroll: true });
    return true;
  }

  move([x, y]) {
    this.drag.joints = this.#moved(this.drag.joints, this.drag.handle, [x + this.drag.x, y + this.drag.y]);
    this.#draw(this.drag.joints);
  }

  end() {
    const { joints } = this.drag;
    this.#release();
    this.pushJoints(joints);
  }

  cancel() {
    this.#release();
    this.redraw();
  }

  #release() {
    this.drag.handle.group.classList.remove("dragged");
    this.drag = null;
  }

  #moved(joints, { names }, [x, y]) {
    const { width, height } = this.page.state.frame, at = [clamped(x, width), clamped(y, height)];
    return { ...joints, ...Object.fromEntries(names.map((name) => [name, at])) };
  }

  /** Moved joints; layers that were derived from the former ones are outdated. */
  pushJoints(joints) {
    const { state } = this.page;
    if (JSON.stringify(joints) === JSON.stringify(state.joints)) return;
    this.page.push({ ...state, joints, labels: state.own ? state.labels : null });
  }

  get pairs() {
    const names = Object.keys(this.page.state?.joints ?? {});
    return names.map((name) => [name, name.replace(/^left_/, "right_")]).filter(([one, other]) => one !== other && names.includes(other));
  }

  swapSides() {
    const { joints } = this.page.state, swapped = { ...joints };
    for (const [left, right] of this.pairs) [swapped[left], swapped[right]] = [joints[right], joints[left]];
    this.pushJoints(swapped);
  }

  #key(event, handle) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    if (this.drag || this.page.stage.isBusy) return;
    const { joints } = this.page.state, far = event.shiftKey ? 10 : 1, [x, y] = joints[handle.names[0]];
    this.pushJoints(this.#moved(joints, handle, [x + far * step[0], y + far * step[1]]));
  }
}
