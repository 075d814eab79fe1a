// Choosing motions: each is drawn as moving lines while it is visible.
import { base, isStill, onStillness } from "./site.js";

const canvases = [...document.querySelectorAll("canvas[data-motion]")];
const loaded = new Map();
const visible = new Set();
let running = false;

const draw = (canvas, motion, now) => {
  const pen = canvas.getContext("2d");
  const count = motion.frames.length;
  const frame = motion.frames[isStill() ? count >> 1 : Math.floor(now / motion.frame_ms) % count];
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.strokeStyle = getComputedStyle(canvas).color;
  pen.lineWidth = 5;
  pen.lineCap = pen.lineJoin = "round";
  pen.beginPath();
  for (const [from, to] of motion.bones) {
    pen.moveTo(frame[2 * from], frame[2 * from + 1]);
    pen.lineTo(frame[2 * to], frame[2 * to + 1]);
  }
  pen.stroke();
};

const step = (now) => {
  running = false;
  for (const canvas of visible) {
    const motion = loaded.get(canvas.dataset.motion);
    if (motion?.frames) draw(canvas, motion, now);
  }
  if (visible.size && !isStill()) start();
};
const start = () => {
  if (!running) { running = true; requestAnimationFrame(step); }
};

const load = async (canvas) => {
  const name = canvas.dataset.motion;
  if (loaded.has(name)) return;
  loaded.set(name, {});
  const answer = await fetch(`${base}v1/motions/${encodeURIComponent(name)}/preview`);
  if (answer.ok) loaded.set(name, await answer.json());
  start();
};

const watcher = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) { visible.add(target); load(target).catch(() => {}); } else visible.delete(target);
  }
  start();
}, { rootMargin: "50px" });
for (const canvas of canvases) watcher.observe(canvas);
onStillness(start);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", start);

const list = document.getElementById("motions");
const box = list?.closest(".motions");
const all = document.getElementById("all-motions");
all?.addEventListener("click", () => {
  const open = box.classList.toggle("all");
  all.setAttribute("aria-expanded", String(open));
  all.textContent = open ? "Show fewer" : "Show all motions";
});
const filter = document.getElementById("filter");
filter?.addEventListener("input", () => {
  const wanted = filter.value.trim().toLowerCase();
  for (const item of list.children) {
    const label = item.querySelector("label");
    const text = `${label.textContent} ${label.title}`.toLowerCase();
    item.hidden = !text.includes(wanted);
  }
  if (wanted && !box.classList.contains("all")) all.click();
});
filter?.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });

export const chosenMotions = () => [...document.querySelectorAll('input[name="motions"]:checked')].map((input) => input.value);
