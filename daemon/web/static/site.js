// What every page needs: times in the reader's zone, questions before anything is deleted, and animations that can be paused.
export const base = document.body.dataset.base;

const announcer = document.getElementById("announcer");
export const announce = (text) => { announcer.textContent = text; };

const timeFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
export const localTimes = (root) => {
  for (const time of root.querySelectorAll("time[datetime]")) time.textContent = timeFormat.format(new Date(time.dateTime));
};

// --- questions -------------------------------------------------------------------------------------------------------
const dialog = document.getElementById("confirm");
let asked = null; // the form that the open question is about
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.dataset.confirm || form.dataset.confirmed) return;
  event.preventDefault();
  document.getElementById("confirm-text").textContent = form.dataset.confirm;
  asked = form;
  dialog.returnValue = "no";
  dialog.showModal();
});
// One listener for all questions: "close" comes a task later than the closing, when the next question may be open already.
dialog.addEventListener("close", () => {
  if (dialog.open || dialog.returnValue !== "yes") return;
  if (!asked.isConnected) { asked.hidden = true; document.body.append(asked); } // its list was fetched again meanwhile
  asked.dataset.confirmed = "yes";
  asked.requestSubmit();
  delete asked.dataset.confirmed; // asked again when the reader comes back to the page
});

// --- playing and pausing -----------------------------------------------------------------------------------------------
const button = document.getElementById("stillness");
const remembered = () => { try { return localStorage.getItem("doodled-still"); } catch { return null; } };
const remember = (value) => { try { localStorage.setItem("doodled-still", value); } catch { /* storage is blocked */ } };
const wish = matchMedia("(prefers-reduced-motion: reduce)");
let still = remembered() === null ? wish.matches : remembered() === "yes";
export const isStill = () => still;
const listeners = new Set();
export const onStillness = (listener) => listeners.add(listener);

const seen = new Set();
const settle = (video) => {
  if (!still && seen.has(video)) video.play().catch(() => { video.controls = true; });
  else video.pause();
};
const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (entry.isIntersecting) seen.add(entry.target); else seen.delete(entry.target);
    settle(entry.target);
  }
}, { rootMargin: "100px" });

const apply = (root) => {
  for (const source of root.querySelectorAll("source[data-still]")) source.media = still ? "all" : "not all";
  for (const video of root.querySelectorAll("video[data-plays]")) { video.controls = still; watcher.observe(video); settle(video); }
  button.hidden = !document.querySelector("source[data-still], video[data-plays], canvas[data-motion]");
};
const show = () => {
  document.documentElement.classList.toggle("still", still);
  button.textContent = still ? "Play animations" : "Pause animations";
  apply(document);
  for (const listener of listeners) listener(still);
};
button.addEventListener("click", () => { still = !still; remember(still ? "yes" : "no"); show(); });
wish.addEventListener("change", () => { if (remembered() === null) { still = wish.matches; show(); } });

// A moving image, with a still for those who want no motion.
export const movingImage = (url, still, alt) => {
  const picture = document.createElement("picture");
  const source = document.createElement("source");
  const image = document.createElement("img");
  picture.className = "preview";
  source.dataset.still = "";
  source.srcset = still;
  picture.append(source, image);
  apply(picture);
  image.alt = alt;
  image.src = url;
  return picture;
};

// Called for everything that is added to the page later.
export const dress = (root) => { localTimes(root); apply(root); };

localTimes(document);
show();

for (const input of document.querySelectorAll("input[data-link]")) input.value = new URL(input.value, location.href).href;
for (const copier of document.querySelectorAll("button[data-copy]")) {
  copier.addEventListener("click", async () => {
    const input = document.getElementById(copier.dataset.copy);
    input.select();
    try { await navigator.clipboard.writeText(input.value); } catch { document.execCommand("copy"); }
    announce("The link is copied.");
    copier.textContent = "Copied";
    setTimeout(() => { copier.textContent = "Copy"; }, 2000);
  });
}
