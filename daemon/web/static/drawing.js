// Page of one drawing: follows it until it is done, and asks for more motions.
import { follow } from "./events.js";
import { announce, base, dress, movingImage } from "./site.js";
import { chosenMotions } from "./motions.js";

const { id, state } = document.getElementById("drawing").dataset;
const words = { waiting: "Waiting", running: "In progress", deferred: "On hold", orphaned: "On hold" };

if (state in words) {
  const text = document.getElementById("progress-text");
  const card = text.parentElement;
  const show = (job) => {
    if (!(job.state in words)) { stop(); location.reload(); return; }
    const parts = [words[job.state]];
    if (job.stage) parts.push(job.stage);
    if (job.position) parts.push(`number ${job.position} in the queue`);
    if (job.why) parts.push(job.why);
    if (job.expected_s) parts.push(`about ${Math.max(1, Math.round(job.expected_s))} s`);
    text.textContent = parts.join(", ");
    const cancel = card.querySelector("form");
    if (cancel) cancel.hidden = job.state !== "waiting";
    if (job.preview && !card.querySelector(".preview")) {
      card.prepend(movingImage(base + job.preview, base + job.preview_still, ""));
      dress(card);
    }
  };
  const leave = () => { stop(); location.assign(`${base}watch`); };
  const ask = async () => {
    const answer = await fetch(`${base}v1/jobs/${id}`).catch(() => null);
    if (answer?.ok) show(await answer.json());
    else if (answer?.status === 404) leave();
    else if (answer?.status === 401) location.reload();
  };
  const stop = follow(`${base}v1/jobs/${id}/events`, { job: (event) => show(JSON.parse(event.data)), gone: leave }, ask);
}

const again = document.getElementById("again");
again?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const motions = chosenMotions();
  if (!motions.length) { announce("Choose at least one motion."); return; }
  const button = again.querySelector("[type=submit]");
  button.disabled = true;
  const answer = await fetch(`${base}v1/jobs/${id}/again`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ ...JSON.parse(again.dataset.options), motions }),
  }).catch(() => null);
  const said = await answer?.json().catch(() => null);
  if (answer?.ok) { location.assign(`${base}drawings/${said[0].id}`); return; }
  button.disabled = false;
  const problem = again.querySelector(".notice") ?? again.insertBefore(document.createElement("p"), again.lastElementChild);
  problem.className = "notice";
  problem.setAttribute("role", "alert");
  problem.textContent = said?.errors?.join("; ") || said?.detail || "The server can't be reached.";
});
