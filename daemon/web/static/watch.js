// Queue page: fetches the list again when the server says that something has changed, at most once a second; at once for a new preview.
import { follow } from "./events.js";
import { announce, base } from "./site.js";
import { replaceChanged } from "./live.js";

const queue = document.getElementById("queue");
const PAUSE_MS = 1000;
let due = null;
let isBusy = false;
let isStale = false;
let before = null;
let seen = new Set(); // ids of drawings that have a preview

const refresh = async () => {
  clearTimeout(due);
  due = null;
  isStale = true;
  if (isBusy) return;
  isBusy = true;
  while (isStale) { // again if a preview appeared while the answer was on its way
    isStale = false;
    const answer = await fetch(`${base}watch/list`).catch(() => null);
    if (answer?.ok) replaceChanged(queue, await answer.text());
    else if (answer?.status === 401) location.reload();
  }
  isBusy = false;
};
const schedule = () => { due ??= setTimeout(refresh, PAUSE_MS); };

const show = (event) => {
  const { counts, previews } = JSON.parse(event.data);
  if (before && counts.done > before.done) announce(`${counts.done - before.done} more done`);
  if (before && counts.failed > before.failed) announce(`${counts.failed - before.failed} more could not be animated`);
  const isNew = previews.some((id) => !seen.has(id));
  before = counts;
  seen = new Set(previews);
  if (isNew) refresh(); else schedule();
};
follow(`${base}v1/events`, { queue: show }, schedule);
document.addEventListener("visibilitychange", () => { if (!document.hidden) schedule(); });
setInterval(() => { if (!document.hidden && queue.querySelector(".running, .waiting")) schedule(); }, 5000);
