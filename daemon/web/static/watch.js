// Queue page: fetches the list again when the server says that something has changed, at most once a second.
import { follow } from "./events.js";
import { announce, base } from "./site.js";
import { replaceChanged } from "./live.js";

const queue = document.getElementById("queue");
const PAUSE_MS = 1000;
let due = null;
let isBusy = false;
let before = null;

const refresh = async () => {
  due = null;
  if (isBusy) { schedule(); return; }
  isBusy = true;
  const answer = await fetch(`${base}watch/list`).catch(() => null);
  if (answer?.ok) replaceChanged(queue, await answer.text());
  else if (answer?.status === 401) location.reload();
  isBusy = false;
};
const schedule = () => { due ??= setTimeout(refresh, PAUSE_MS); };

const show = (event) => {
  const { counts } = JSON.parse(event.data);
  if (before && counts.done > before.done) announce(`${counts.done - before.done} more done`);
  if (before && counts.failed > before.failed) announce(`${counts.failed - before.failed} more could not be animated`);
  before = counts;
  schedule();
};
follow(`${base}v1/events`, { queue: show }, schedule);
document.addEventListener("visibilitychange", () => { if (!document.hidden) schedule(); });
setInterval(() => { if (!document.hidden && queue.querySelector(".running, .waiting")) schedule(); }, 5000);
