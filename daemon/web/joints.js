"use strict";
// Joints are dragged, and what they make of the figure is drawn anew after each change. A joint that lies on the root from the start, as hip
// does, is one handle with it. A place is a pixel's index; it is shown in the pixel's middle. Joints that nobody touches are never sent: in
// the file, they may stand between pixels or beside the picture, or another page may move them.
const { width, height, joints } = JSON.parse(document.getElementById("data").textContent);
const [figure, shown, still, wait, motion, plays, told, notes, save, undo, redo, swap] = [
  "figure", "shown", "still", "wait", "motion", "plays", "told", "notes", "save", "undo", "redo", "swap",
].map((id) => document.getElementById(id));
const SVG = "http://www.w3.org/2000/svg";
const DOT = 7, REACH = 14, TEXT = 15; // px of the screen
const made = (name, into, attributes = {}) => {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return into.appendChild(element);
};
const words = (name) => name.replaceAll("_", " ");
const within = (value, size) => Math.max(0, Math.min(size - 1, Math.round(value)));

const isOfASide = (name) => /^(left|right)_/.test(name);

let places = Object.fromEntries(joints.map(({ name, at: [x, y] }) => [name, [within(x, width), within(y, height)]]));
let saved = JSON.stringify(places);
const past = [], future = [], touched = new Set();

// --- what is drawn ---------------------------------------------------------------------------------------------------

made("image", figure, { href: "texture.png", width, height, "aria-hidden": true });
made("image", figure, { class: "around", href: "shade.png", width, height, "aria-hidden": true });
const bones = joints.filter((joint) => joint.parent !== null).flatMap(({ name, parent }) => ["edge", "core"].map((kind) => (
  { name, parent, kind, line: null })));
for (const kind of ["edge", "core"]) {
  for (const bone of bones.filter((each) => each.kind === kind)) bone.line = made("line", figure, { class: kind });
}
const handles = [];
for (const joint of joints) {
  const { name: root } = joints.find(({ parent }) => parent === null);
  const isOnRoot = joint.parent === root && !isOfASide(joint.name) && String(places[root]) === String(places[joint.name]);
  const same = isOnRoot ? handles.find(({ names }) => names.includes(root)) : undefined;
  if (same) same.names.push(joint.name);
  else handles.push({ names: [joint.name] });
}
for (const handle of handles) {
  const side = isOfASide(handle.names[0]) ? handle.names[0].split("_")[0] : "middle";
  handle.group = made("g", figure, { class: `joint ${side}`, tabindex: 0, role: "button" });
  handle.reach = made("circle", handle.group, { class: "reach" });
  handle.dot = made("circle", handle.group, { class: "dot" });
  handle.label = made("text", handle.group);
  handle.label.textContent = handle.names.map(words).join(", ");
}

let inside = () => true;
const shade = new Image();
shade.onload = () => {
  const context = Object.assign(document.createElement("canvas"), { width, height }).getContext("2d", { willReadFrequently: true });
  context.drawImage(shade, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  inside = ([x, y]) => data[4 * (y * width + x) + 3] === 0;
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
    const off = !inside([x, y]);
    for (const circle of [dot, reach]) { circle.setAttribute("cx", x + 0.5); circle.setAttribute("cy", y + 0.5); }
    dot.setAttribute("r", DOT * px);
    reach.setAttribute("r", REACH * px);
    const isRight = x > width * 0.7;
    label.setAttribute("x", x + 0.5 + (isRight ? -1 : 1) * 12 * px);
    label.setAttribute("y", y + 0.5 - 10 * px);
    label.setAttribute("text-anchor", isRight ? "end" : "start");
    label.setAttribute("font-size", TEXT * px);
    group.classList.toggle("off", off);
    group.setAttribute("aria-label", `${names.map(words).join(" and ")}, at ${x}, ${y}${off ? ", off the figure" : ""}`);
  }
  undo.disabled = past.length === 0;
  redo.disabled = future.length === 0;
  save.disabled = JSON.stringify(places) === saved;
  swap.hidden = !pairs.length;
};
new ResizeObserver(() => draw()).observe(figure);

// --- changes ---------------------------------------------------------------------------------------------------------

const changed = () => { tell(""); draw(); show(); };
const remember = (before) => {
  if (before === JSON.stringify(places)) return;
  past.push(before);
  future.length = 0;
  changed();
};
const back = (from, to) => {
  if (grip || !from.length) return;
  to.push(JSON.stringify(places));
  places = JSON.parse(from.pop());
  changed();
};
const put = (name, [x, y]) => { places[name] = [within(x, width), within(y, height)]; touched.add(name); };
const pairs = joints.map(({ name }) => [name, name.replace(/^left_/, "right_")]).filter(([one, other]) => one !== other && other in places);

let grip = null; // one joint is dragged at a time, and by the pointer that took it
const pointed = ({ clientX, clientY }) => new DOMPoint(clientX, clientY).matrixTransform(figure.getScreenCTM().inverse());
const nearest = (event) => { // of those in reach: where joints crowd, what is on top need not be what is meant
  if (!event.target.closest(".joint")) return null;
  const { x, y } = pointed(event);
  const away = ({ names: [name] }) => Math.hypot(places[name][0] + 0.5 - x, places[name][1] + 0.5 - y);
  return handles.reduce((best, handle) => (away(handle) <= away(best) ? handle : best));
};
const mark = (near) => { for (const handle of handles) handle.group.classList.toggle("near", handle === near); };
figure.addEventListener("pointerdown", (event) => {
  const handle = nearest(event);
  if (grip || event.button !== 0 || !handle) return;
  event.preventDefault();
  handle.group.setPointerCapture(event.pointerId);
  const point = pointed(event), [x, y] = places[handle.names[0]];
  grip = { handle, pointer: event.pointerId, x: x - point.x, y: y - point.y, before: JSON.stringify(places) };
  mark(null);
  handle.group.classList.add("held");
  handle.group.focus({ focusVisible: false, preventScroll: true });
});
figure.addEventListener("pointermove", (event) => {
  if (!grip) mark(nearest(event));
  if (grip?.pointer !== event.pointerId) return;
  const point = pointed(event);
  for (const name of grip.handle.names) put(name, [point.x + grip.x, point.y + grip.y]);
  draw();
});
figure.addEventListener("pointerleave", () => mark(null));
const letGo = (event) => {
  if (grip?.pointer !== event.pointerId) return;
  const { handle, before } = grip;
  grip = null;
  handle.group.classList.remove("held");
  remember(before);
};
for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) figure.addEventListener(end, letGo);
for (const { names, group } of handles) {
  group.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (grip) return;
    const before = JSON.stringify(places), far = event.shiftKey ? 10 : 1, [x, y] = places[names[0]];
    for (const name of names) put(name, [x + far * step[0], y + far * step[1]]);
    remember(before);
  });
}
undo.addEventListener("click", () => back(past, future));
redo.addEventListener("click", () => back(future, past));
swap.addEventListener("click", () => {
  if (grip) return;
  const before = JSON.stringify(places), { ...old } = places;
  for (const [left, right] of pairs) { put(left, old[right]); put(right, old[left]); }
  remember(before);
});
addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
  const key = event.key.toLowerCase();
  const act = { s: () => save.click(), z: () => (event.shiftKey ? redo : undo).click(), y: () => redo.click() }[key];
  if (act) { event.preventDefault(); act(); }
});
addEventListener("beforeunload", (event) => { if (!save.disabled) event.preventDefault(); });

// --- what the server is asked ----------------------------------------------------------------------------------------

const tell = (text, isBad = false) => { told.textContent = text; told.classList.toggle("bad", isBad); };
const list = (lines) => notes.replaceChildren(...lines.map((line) => Object.assign(document.createElement("li"), { textContent: line })));
const asked = async (what, sent) => {
  let answer, said;
  try {
    answer = await fetch(what, { method: "POST", body: JSON.stringify(sent), headers: { "Content-Type": "application/json" } });
    said = await answer.json();
  } catch {
    throw new Error("doodled joints does not answer any more: is it still running?");
  }
  if (!answer.ok) throw new Error(said.error);
  return said;
};

const moved = () => Object.fromEntries([...touched].map((name) => [name, places[name]]));

let isShowing = false, isStale = false;
const show = async () => { // one at a time; what changes meanwhile is shown next
  isStale = true;
  if (isShowing) return;
  isShowing = true;
  wait.hidden = false;
  while (isStale) {
    isStale = false;
    try {
      const said = await asked("show", { motion: motion.value, joints: moved() });
      shown.src = `data:image/gif;base64,${said.gif}`;
      shown.alt = `the figure: ${words(motion.value)}`;
      list(said.notes);
    } catch (error) { if (!isStale) tell(error.message, true); }
  }
  isShowing = false;
  wait.hidden = true;
};
shown.addEventListener("load", () => { // what is seen of it while it does not play: its first frame
  Object.assign(still, { width: shown.naturalWidth, height: shown.naturalHeight });
  still.getContext("2d").drawImage(shown, 0, 0);
});
plays.addEventListener("change", () => { still.hidden = plays.checked; });
still.hidden = plays.checked = !matchMedia("(prefers-reduced-motion: reduce)").matches;
motion.addEventListener("change", changed);

let saving = Promise.resolve();
const store = async () => {
  const now = JSON.stringify(places);
  try {
    list((await asked("save", { joints: moved() })).notes);
    saved = now;
    tell("Saved.");
    draw();
  } catch (error) { tell(error.message, true); }
};
save.addEventListener("click", () => { saving = saving.then(store); }); // one after the other, or the older one might win
draw();
show();
