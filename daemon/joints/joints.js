"use strict";
// Joints are dragged, and what they make of the figure is drawn anew after each change. A joint of the trunk that lies on its parent from
// the start, as hip does on root, is one handle with it. A place is a pixel's index; it is shown in the pixel's middle.
const { width, height, joints } = JSON.parse(document.getElementById("data").textContent);
const [figure, shown, wait, motion, told, notes] = ["figure", "shown", "wait", "motion", "told", "notes"].map((id) => document.getElementById(id));
const [save, undo, redo, swap] = ["save", "undo", "redo", "swap"].map((id) => document.getElementById(id));
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
const past = [], future = [];

// --- what is drawn ---------------------------------------------------------------------------------------------------

made("image", figure, { href: "texture.png", width, height });
const around = made("image", figure, { class: "around", width, height });
const bones = joints.filter((joint) => joint.parent !== null).flatMap(({ name, parent }) => ["edge", "core"].map((kind) => (
  { name, parent, kind, line: null })));
for (const kind of ["edge", "core"]) {
  for (const bone of bones.filter((each) => each.kind === kind)) bone.line = made("line", figure, { class: kind });
}
const handles = [];
for (const joint of joints) {
  const lies = (handle) => handle.names.includes(joint.parent) && String(places[joint.parent]) === String(places[joint.name]);
  const same = isOfASide(joint.name) ? undefined : handles.find(lies);
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
const mask = new Image();
mask.onload = () => {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(mask, 0, 0, width, height);
  const picture = context.getImageData(0, 0, width, height);
  const pixels = picture.data;
  const held = new Uint8Array(width * height);
  for (let pixel = 0; pixel < held.length; pixel += 1) {
    held[pixel] = pixels[4 * pixel] > 127 ? 1 : 0;
    pixels.set([120, 116, 108, held[pixel] ? 0 : 150], 4 * pixel);
  }
  context.putImageData(picture, 0, 0);
  around.setAttribute("href", canvas.toDataURL());
  inside = ([x, y]) => held[y * width + x] === 1;
  draw();
};
mask.src = "mask.png";

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
const remember = () => { past.push(JSON.stringify(places)); future.length = 0; };
const back = (from, to) => {
  if (!from.length) return;
  to.push(JSON.stringify(places));
  places = JSON.parse(from.pop());
  changed();
};
const put = (handle, x, y) => { for (const name of handle.names) places[name] = [within(x, width), within(y, height)]; };
const pairs = joints.map(({ name }) => [name, name.replace(/^left_/, "right_")]).filter(([one, other]) => one !== other && other in places);

for (const handle of handles) {
  let grip = null;
  const pointed = (event) => new DOMPoint(event.clientX, event.clientY).matrixTransform(figure.getScreenCTM().inverse());
  handle.group.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const point = pointed(event), [x, y] = places[handle.names[0]];
    grip = { x: x - point.x, y: y - point.y, before: JSON.stringify(places) };
    handle.group.setPointerCapture(event.pointerId);
    handle.group.classList.add("held");
    handle.group.focus({ focusVisible: false });
    event.preventDefault();
  });
  handle.group.addEventListener("pointermove", (event) => {
    if (!grip) return;
    const point = pointed(event);
    put(handle, point.x + grip.x, point.y + grip.y);
    draw();
  });
  const letGo = () => {
    if (!grip) return;
    handle.group.classList.remove("held");
    const { before } = grip;
    grip = null;
    if (before === JSON.stringify(places)) return;
    past.push(before);
    future.length = 0;
    changed();
  };
  handle.group.addEventListener("pointerup", letGo);
  handle.group.addEventListener("pointercancel", letGo);
  handle.group.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    remember();
    const far = event.shiftKey ? 10 : 1, [x, y] = places[handle.names[0]];
    put(handle, x + far * step[0], y + far * step[1]);
    changed();
  });
}
undo.addEventListener("click", () => back(past, future));
redo.addEventListener("click", () => back(future, past));
swap.addEventListener("click", () => {
  remember();
  for (const [left, right] of pairs) [places[left], places[right]] = [places[right], places[left]];
  changed();
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

let isShowing = false, isStale = false;
const show = async () => { // one at a time; what changes meanwhile is shown next
  isStale = true;
  if (isShowing) return;
  isShowing = true;
  wait.hidden = false;
  while (isStale) {
    isStale = false;
    try {
      const said = await asked("show", { motion: motion.value, joints: places });
      shown.src = `data:image/gif;base64,${said.gif}`;
      shown.alt = `the figure: ${words(motion.value)}`;
      list(said.notes);
    } catch (error) { tell(error.message, true); }
  }
  isShowing = false;
  wait.hidden = true;
};
motion.addEventListener("change", show);
save.addEventListener("click", async () => {
  const now = JSON.stringify(places);
  try {
    list((await asked("save", { joints: JSON.parse(now) })).notes);
    saved = now;
    tell("Saved.");
    draw();
  } catch (error) { tell(error.message, true); }
});
draw();
show();
