// Drop page: collects photographs, sends each with its progress, and shows the outcome of each.
import { follow } from "./events.js";
import { announce, base, dress, movingImage } from "./site.js";
import { chosenMotions } from "./motions.js";

const form = document.getElementById("drop");
const zone = document.getElementById("zone");
const list = document.getElementById("uploads");
const send = document.getElementById("send");
const hint = document.getElementById("hint");
const maxBytes = Number(form.dataset.maxBytes);
const AT_ONCE = 3;
const TRIES = 6;
const uploads = [];

const randomKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const element = (tag, className, text) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};

const button = (text, upload, act) => {
  const made = element("button", "button small", text);
  made.type = "button";
  made.append(element("span", "unseen", ` ${upload.file.name}`));
  made.addEventListener("click", act);
  return made;
};

const ready = () => uploads.filter((each) => each.state === "chosen");
const showButton = () => {
  const count = ready().length;
  const motions = chosenMotions().length;
  send.disabled = !count || !motions;
  send.textContent = count > 1 ? `Animate ${count} drawings` : "Animate";
  hint.textContent = !count ? "Choose a photograph first." : !motions ? "Choose at least one motion." : "";
};

const say = (upload, text, state) => {
  upload.said.textContent = text;
  if (state) { upload.state = state; upload.row.className = `card upload ${state}`; }
};

const removal = (upload) => button("Remove", upload, () => {
  uploads.splice(uploads.indexOf(upload), 1);
  upload.row.remove();
  showButton();
  document.getElementById("files").focus();
});

const repetition = (upload) => button("Try again", upload, () => {
  upload.row.tabIndex = -1;
  upload.row.focus(); // its buttons go
  transmit(upload, options());
});

const add = (files) => {
  for (const file of files) {
    const upload = { file, key: randomKey(), state: "chosen", row: element("li", "card upload") };
    const image = element("img");
    image.alt = "";
    const url = URL.createObjectURL(file);
    image.addEventListener("load", () => URL.revokeObjectURL(url), { once: true });
    image.addEventListener("error", () => { image.src = `${base}static/paper.svg`; }, { once: true });
    image.src = url;
    upload.said = element("span", "said");
    upload.actions = element("span", "actions");
    upload.actions.append(removal(upload));
    upload.row.append(image, element("span", "name", file.name || "photograph"), upload.actions, upload.said);
    if (file.size > maxBytes) say(upload, `too big: at most ${Math.round(maxBytes / 2 ** 20)} MB`, "failed");
    else if (!file.size) say(upload, "the file is empty", "failed");
    uploads.push(upload);
    list.append(upload.row);
  }
  if (files.length) announce(files.length === 1 ? `${files[0].name} chosen` : `${files.length} files chosen`);
  showButton();
};

const options = () => {
  const data = new FormData(form);
  const chosen = { motions: chosenMotions(), size: data.get("size"), figures: data.get("figures") };
  if (data.getAll("formats").length) chosen.formats = data.getAll("formats");
  const backdrop = data.get("backdrop");
  if (backdrop) chosen.background = backdrop === "color" ? document.getElementById("color").value : backdrop;
  return chosen;
};

const wait = (seconds) => new Promise((resolve) => { setTimeout(resolve, 1000 * seconds); });

// Sends once; resolves with status, answer and the seconds that the server asks to wait.
const attempt = (upload, wanted, progress) => new Promise((resolve) => {
  const request = new XMLHttpRequest();
  const body = new FormData();
  body.append("options", JSON.stringify(wanted));
  body.append("file", upload.file, upload.file.name || "photograph");
  request.open("POST", `${base}v1/drawings`);
  request.setRequestHeader("Idempotency-Key", upload.key);
  request.upload.addEventListener("progress", (event) => { if (event.lengthComputable) progress(event.loaded / event.total); });
  request.addEventListener("loadend", () => {
    let answer = {};
    try { answer = JSON.parse(request.responseText); } catch { /* no answer of ours */ }
    resolve({ status: request.status, answer, retryAfter: Number(request.getResponseHeader("Retry-After")) || 0 });
  });
  request.send(body);
});

// A browser sends nothing of a folder, and of a file that was moved or changed after it was chosen.
const isReadable = (file) => file.slice(0, 1).arrayBuffer().then(() => true, () => false);

const transmit = async (upload, wanted) => {
  const bar = element("progress");
  bar.max = 1;
  bar.value = 0;
  bar.setAttribute("aria-label", `${upload.file.name} is being sent`);
  upload.actions.replaceChildren();
  upload.row.append(bar);
  say(upload, "sending ...", "sending");
  for (let number = 1; ; number += 1) {
    const { status, answer, retryAfter } = await attempt(upload, wanted, (share) => { bar.value = share; });
    if (status === 200 || status === 201) {
      bar.removeAttribute("value");
      upload.id = answer.id;
      const link = element("a", "button small", "Open");
      link.href = `${base}drawings/${answer.id}`;
      link.append(element("span", "unseen", ` ${upload.file.name}`));
      upload.actions.replaceChildren(link);
      upload.bar = bar;
      say(upload, "waiting for its turn", "taken");
      watch();
      return;
    }
    const isLost = status === 0 && !await isReadable(upload.file);
    const isPassing = !isLost && (status === 0 || status === 429 || status === 503);
    if (!isPassing || number === TRIES) {
      bar.remove();
      const silence = isLost ? "it can't be read: it is a folder, or was moved or changed since it was chosen" : "the server can't be reached";
      const why = answer.errors?.join("; ") || answer.detail || (status ? `the server answered ${status}` : silence);
      say(upload, answer.hint ? `${why}: ${answer.hint}` : why, "failed");
      const canChange = isPassing || status === 401 || status >= 500 || answer.errors?.length; // not the file: it stays what it is
      upload.actions.replaceChildren(...(canChange ? [repetition(upload)] : []), removal(upload));
      announce(`${upload.file.name}: ${why}`);
      return;
    }
    const pause = retryAfter || 2 ** number;
    say(upload, `${answer.detail || "the server can't be reached"}; trying again in ${pause} s`);
    await wait(pause);
  }
};

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const wanted = options();
  const queue = ready();
  send.disabled = true;
  for (const upload of queue) upload.state = "queued";
  const worker = async () => { while (queue.length) await transmit(queue.shift(), wanted); };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  showButton();
});

// --- the outcome of each -------------------------------------------------------------------------------------------------
let stop = null;
let isChecking = false;
let isDue = false;
const pending = () => uploads.filter((each) => each.id && (each.state === "taken" || each.state === "running"));
const describe = (job) => {
  const parts = [{ waiting: "waiting", running: "in progress", deferred: "on hold", orphaned: "on hold", rejected: "not taken" }[job.state] ?? job.state];
  if (job.stage) parts.push(job.stage);
  if (job.position > 1) parts.push(`number ${job.position}`);
  if (job.why) parts.push(job.why);
  if (job.expected_s) parts.push(`about ${Math.max(1, Math.round(job.expected_s))} s`);
  return parts.join(", ");
};
const check = async () => {
  isDue = true;
  if (isChecking) return;
  isChecking = true;
  while (isDue) { // again if an event came while answers were on their way, and after drawings that left room for others
    isDue = false;
    const before = pending().length;
    await ask(pending().slice(0, 12));
    isDue ||= pending().length < before;
  }
  isChecking = false;
  if (!pending().length && stop) { stop(); stop = null; }
};
const ask = async (some) => {
  for (const upload of some) {
    const answer = await fetch(`${base}v1/jobs/${upload.id}`).catch(() => null);
    if (answer?.status === 404) { upload.bar.remove(); say(upload, "it was removed", "gone"); continue; }
    const job = answer?.ok ? await answer.json().catch(() => null) : null;
    if (!job) continue;
    if (job.state === "done") finish(upload, job);
    else if (job.state === "failed") {
      upload.bar.remove();
      say(upload, job.what_to_do ? `${job.why}: ${job.what_to_do}` : job.why, "failed");
      announce(`${upload.file.name} could not be animated: ${job.why}`);
    } else if (job.state === "review") {
      upload.bar.remove();
      say(upload, `please look at it: ${job.why}`, "review");
      announce(`${upload.file.name}: ${job.why}`);
    } else {
      say(upload, describe(job));
      if (job.preview) showPreview(upload, job);
    }
  }
};
const showPreview = (upload, job) => {
  const image = upload.row.querySelector(":scope > img"); // the photograph, until the preview is there
  if (!image || upload.preview) return;
  upload.preview = movingImage(base + job.preview, base + job.preview_still, `${upload.file.name}, a first look`);
  upload.preview.querySelector("img").addEventListener("load", () => {
    if (!pending().includes(upload)) return;
    image.replaceWith(upload.preview);
    dress(upload.row);
  }, { once: true });
};
const finish = (upload, job) => {
  upload.bar.remove();
  const missing = job.failed_pages.length;
  say(upload, missing ? `done; ${missing} of its pages could not be animated` : "done", "done");
  announce(`${upload.file.name} is animated`);
  const image = job.outputs.find((output) => ["webp", "apng", "gif"].includes(output.format));
  if (image) {
    const shown = element("img");
    shown.alt = `${upload.file.name}, animated`;
    shown.src = base + image.url;
    upload.row.querySelector(":scope > picture, :scope > img").replaceWith(shown);
  }
  dress(upload.row);
};
const watch = () => {
  stop ??= follow(`${base}v1/events`, { queue: check }, check);
};

// --- ways in ---------------------------------------------------------------------------------------------------------------
for (const id of ["files", "camera"]) {
  const input = document.getElementById(id);
  input.addEventListener("change", () => { add([...input.files]); input.value = ""; });
}
form.addEventListener("change", showButton);
let depth = 0;
const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
document.addEventListener("dragenter", (event) => { if (hasFiles(event)) { depth += 1; zone.classList.add("over"); } });
document.addEventListener("dragleave", (event) => { if (hasFiles(event)) { depth = Math.max(0, depth - 1); if (!depth) zone.classList.remove("over"); } });
document.addEventListener("dragover", (event) => { if (hasFiles(event)) event.preventDefault(); });
document.addEventListener("drop", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  depth = 0;
  zone.classList.remove("over");
  add([...event.dataTransfer.files]);
});
document.addEventListener("paste", (event) => { if (event.clipboardData?.files.length) { event.preventDefault(); add([...event.clipboardData.files]); } });
addEventListener("beforeunload", (event) => { if (uploads.some((each) => each.state === "sending")) event.preventDefault(); });
showButton();
