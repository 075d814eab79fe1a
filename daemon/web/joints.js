"use strict";
// Editor of a figure's joints: they are dragged or moved by keys, and each change requests a new preview. A joint that is on the root at
// first, as the hip is, shares its handle. A place is the index of a pixel and is drawn at the pixel's center. Only joints that were moved are
// sent: in the file, the others may be between pixels or outside the image, and another page may move them.
const { width, height, joints } = JSON.parse(document.getElementById("data").textContent);
const [figure, shown, still, wait, motion, plays, message, notes, save, undo, redo, swap] = [
  "figure", "shown", "still", "wait", "motion", "plays", "message", "notes", "save", "undo", "redo", "swap",
].map((id) => document.getElementById(id));
const SVG = "http://www.w3.org/2000/svg";
const DOT = 7, REACH = 14, TEXT = 15; // screen pixels
const createSvg = (name, into, attributes = {}) => {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return into.appendChild(element);
};
const readable = (name) => name.replaceAll("_", " ");
const clamped = (value, size) => Math.max(0, Math.min(size - 1, Math.round(value)));

const hasSide = (name) => /^(left|right)_/.test(name);

let places = Object.fromEntries(joints.map(({ name, at: [x, y] }) => [name, [clamped(x, width), clamped(y, height)]]));
let saved = JSON.stringify(places);
const undoStack = [], redoStack = [], movedNames = new Set();

// --- drawing ---------------------------------------------------------------------------------------------------------

createSvg("image", figure, { href: "texture.png", width, height, "aria-hidden": true });
createSvg("image", figure, { class: "around", href: "shade.png", width, height, "aria-hidden": true });
const bones = joints.filter((joint) => joint.parent !== null).flatMap(({ name, parent }) => ["edge", "core"].map((kind) => (
  { name, parent, kind, line: null })));
for (const kind of ["edge", "core"]) {
  for (const bone of bones.filter((each) => each.kind === kind)) bone.line = createSvg("line", figure, { class: kind });
}
const handles = [];
for (const joint of joints) {
  const { name: root } = joints.find(({ parent }) => parent === null);
  const isOnRoot = joint.parent === root && !hasSide(joint.name) && String(places[root]) === String(places[joint.name]);
  const same = isOnRoot ? handles.find(({ names }) => names.includes(root)) : undefined;
  if (same) same.names.push(joint.name);
  else handles.push({ names: [joint.name] });
}
for (const handle of handles) {
  const side = hasSide(handle.names[0]) ? handle.names[0].split("_")[0] : "middle";
  handle.group = createSvg("g", figure, { class: `joint ${side}`, tabindex: 0, role: "button" });
  handle.reach = createSvg("circle", handle.group, { class: "reach" });
  handle.dot = createSvg("circle", handle.group, { class: "dot" });
  handle.label = createSvg("text", handle.group);
  handle.label.textContent = handle.names.map(readable).join(", ");
}

let isOnFigure = () => true;
const shade = new Image();
shade.onload = () => {
  const context = Object.assign(document.createElement("canvas"), { width, height }).getContext("2d", { willReadFrequently: true });
  context.drawImage(shade, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  isOnFigure = ([x, y]) => data[4 * (y * width + x) + 3] === 0;
  draw();
};
shade.src = "shade.png";

const draw = () => {
  const px = 1 / (figure.getScreenCTM()?.a || 1);
  for (const { name, parent, line } of bones) {
    for (const [end, [x, y]] of [["1", places[parent]], ["2", places[name]]]) {
      line.setAttribute(`x${end}`, x + 0.5);
      line.setAttribute(`y${end}`, y + 0.5);
    }
  }
  for (const { names, group, dot, reach, label } of handles) {
    const [x, y] = places[names[0]];
    const off = !isOnFigure([x, y]);
    for (const circle of [dot, reach]) { circle.setAttribute("cx", x + 0.5); circle.setAttribute("cy", y + 0.5); }
    dot.setAttribute("r", DOT * px);
    reach.setAttribute("r", REACH * px);
    const isRight = x > width * 0.7;
    label.setAttribute("x", x + 0.5 + (isRight ? -1 : 1) * 12 * px);
    label.setAttribute("y", y + 0.5 - 10 * px);
    label.setAttribute("text-anchor", isRight ? "end" : "start");
    label.setAttribute("font-size", TEXT * px);
    group.classList.toggle("off", off);
    group.setAttribute("aria-label", `${names.map(readable).join(" and ")}, at ${x}, ${y}${off ? ", outside the figure" : ""}`);
  }
  undo.disabled = undoStack.length === 0;
  redo.disabled = redoStack.length === 0;
  save.disabled = JSON.stringify(places) === saved;
  swap.hidden = !pairs.length;
};
new ResizeObserver(() => draw()).observe(figure);

// --- changes ---------------------------------------------------------------------------------------------------------

const showChange = () => { setMessage(""); draw(); show(); };
const recordChange = (before) => {
  if (before === JSON.stringify(places)) return;
  undoStack.push(before);
  redoStack.length = 0;
  showChange();
};
const restore = (from, to) => {
  if (drag || !from.length) return;
  to.push(JSON.stringify(places));
  places = JSON.parse(from.pop());
  showChange();
};
const moveTo = (name, [x, y]) => { places[name] = [clamped(x, width), clamped(y, height)]; movedNames.add(name); };
const pairs = joints.map(({ name }) => [name, name.replace(/^left_/, "right_")]).filter(([one, other]) => one !== other && other in places);

let drag = null; // one joint at a time, by the pointer that grabbed it
const svgPoint = ({ clientX, clientY }) => new DOMPoint(clientX, clientY).matrixTransform(figure.getScreenCTM().inverse());
const nearest = (event) => { // of all handles: where joints crowd, the topmost need not be the nearest
  if (!event.target.closest(".joint")) return null;
  const { x, y } = svgPoint(event);
  const away = ({ names: [name] }) => Math.hypot(places[name][0] + 0.5 - x, places[name][1] + 0.5 - y);
  return handles.reduce((best, handle) => (away(handle) <= away(best) ? handle : best));
};
const highlight = (near) => { for (const handle of handles) handle.group.classList.toggle("near", handle === near); };
figure.addEventListener("pointerdown", (event) => {
  const handle = nearest(event);
  if (drag || event.button !== 0 || !handle) return;
  event.preventDefault();
  handle.group.setPointerCapture(event.pointerId);
  const point = svgPoint(event), [x, y] = places[handle.names[0]];
  drag = { handle, pointer: event.pointerId, x: x - point.x, y: y - point.y, before: JSON.stringify(places) };
  highlight(null);
  handle.group.classList.add("dragged");
  handle.group.focus({ focusVisible: false, preventScroll: true });
});
figure.addEventListener("pointermove", (event) => {
  if (!drag) highlight(nearest(event));
  if (drag?.pointer !== event.pointerId) return;
  const point = svgPoint(event);
  for (const name of drag.handle.names) moveTo(name, [point.x + drag.x, point.y + drag.y]);
  draw();
});
figure.addEventListener("pointerleave", () => highlight(null));
const release = (event) => {
  if (drag?.pointer !== event.pointerId) return;
  const { handle, before } = drag;
  drag = null;
  handle.group.classList.remove("dragged");
  recordChange(before);
};
for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) figure.addEventListener(end, release);
for (const { names, group } of handles) {
  group.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (drag) return;
    const before = JSON.stringify(places), far = event.shiftKey ? 10 : 1, [x, y] = places[names[0]];
    for (const name of names) moveTo(name, [x + far * step[0], y + far * step[1]]);
    recordChange(before);
  });
}
undo.addEventListener("click", () => restore(undoStack, redoStack));
redo.addEventListener("click", () => restore(redoStack, undoStack));
swap.addEventListener("click", () => {
  if (drag) return;
  const before = JSON.stringify(places), { ...old } = places;
  for (const [left, right] of pairs) { moveTo(left, old[right]); moveTo(right, old[left]); }
  recordChange(before);
});
addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
  const key = event.key.toLowerCase();
  const act = { s: () => save.click(), z: () => (event.shiftKey ? redo : undo).click(), y: () => redo.click() }[key];
  if (act) { event.preventDefault(); act(); }
});
addEventListener("beforeunload", (event) => { if (!save.disabled) event.preventDefault(); });

// --- requests --------------------------------------------------------------------------------------------------------

const setMessage = (text, isBad = false) => { message.textContent = text; message.classList.toggle("bad", isBad); };
const listNotes = (lines) => notes.replaceChildren(...lines.map((line) => Object.assign(document.createElement("li"), { textContent: line })));
const post = async (what, sent) => {
  let answer, content;
  try {
    answer = await fetch(what, { method: "POST", body: JSON.stringify(sent), headers: { "Content-Type": "application/json" } });
    content = await answer.json();
  } catch {
    throw new Error("doodled joints does not answer. Is it still running?");
  }
  if (!answer.ok) throw new Error(content.error);
  return content;
};

const movedPlaces = () => Object.fromEntries([...movedNames].map((name) => [name, places[name]]));

let isShowing = false, isStale = false;
const show = async () => { // one at a time; changes in the meantime are shown next
  isStale = true;
  if (isShowing) return;
  isShowing = true;
  wait.hidden = false;
  while (isStale) {
    isStale = false;
    try {
      const content = await post("show", { motion: motion.value, joints: movedPlaces() });
      shown.src = `data:image/gif;base64,${content.gif}`;
      shown.alt = `the figure: ${readable(motion.value)}`;
      listNotes(content.notes);
    } catch (error) { if (!isStale) setMessage(error.message, true); }
  }
  isShowing = false;
  wait.hidden = true;
};
shown.addEventListener("load", () => { // the first frame, which is shown while the animation does not play
  Object.assign(still, { width: shown.naturalWidth, height: shown.naturalHeight });
  still.getContext("2d").drawImage(shown, 0, 0);
});
plays.addEventListener("change", () => { still.hidden = plays.checked; });
still.hidden = plays.checked = !matchMedia("(prefers-reduced-motion: reduce)").matches;
motion.addEventListener("change", showChange);

let saving = Promise.resolve();
const saveJoints = async () => {
  const now = JSON.stringify(places);
  try {
    listNotes((await post("save", { joints: movedPlaces() })).notes);
    saved = now;
    setMessage("Saved.");
    draw();
  } catch (error) { setMessage(error.message, true); }
};
save.addEventListener("click", () => { saving = saving.then(saveJoints); }); // in order, so that the newest is saved last
draw();
show();
