"use strict";
// Animations play while they are visible. With reduced motion, drawings replace animated images and videos are paused.
const button = document.getElementById("stillness");
const stills = document.querySelectorAll("picture > source");
const videos = document.querySelectorAll("video");
const seen = new Set();
const remembered = () => { try { return localStorage.getItem("doodled-still"); } catch { return null; } };
const remember = (value) => { try { localStorage.setItem("doodled-still", value); } catch { /* storage is blocked */ } };
const wish = matchMedia("(prefers-reduced-motion: reduce)");
let still = remembered() === null ? wish.matches : remembered() === "yes";

const settle = (video) => {
  if (!still && seen.has(video)) video.play().catch(() => { video.controls = true; });
  else video.pause();
};
const show = () => {
  document.documentElement.classList.toggle("still", still);
  button.textContent = still ? "Play all" : "Pause all";
  for (const source of stills) source.media = still ? "all" : "not all";
  for (const video of videos) { video.controls = still; settle(video); }
};
button.addEventListener("click", () => { still = !still; remember(still ? "yes" : "no"); show(); });
wish.addEventListener("change", () => { if (remembered() === null) { still = wish.matches; show(); } });
const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (entry.isIntersecting) seen.add(entry.target); else seen.delete(entry.target);
    settle(entry.target);
  }
}, { rootMargin: "100px" });
for (const video of videos) watcher.observe(video);
button.hidden = stills.length + videos.length === 0;
show();
