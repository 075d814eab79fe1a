// The motion beside the figure: one rendering at a time; what changed in the meantime is rendered next. It can be held still, at its first frame.
import { postJson } from "./requests.js";

const element = (id) => document.getElementById(id);
const readable = (name) => name.replaceAll("_", " ");

export class Preview {
  #isRendering = false;
  #wanted = null;
  #url = "";

  /** onNotes(lines) is called with repairs, onError(message) with what went wrong. */
  constructor({ onNotes, onError }) {
    Object.assign(this, { image: element("shown"), still: element("still"), wait: element("wait"), plays: element("plays"), onNotes, onError });
    this.image.addEventListener("load", () => {
      Object.assign(this.still, { width: this.image.naturalWidth, height: this.image.naturalHeight });
      this.still.getContext("2d").drawImage(this.image, 0, 0);
    });
    this.plays.checked = !matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.plays.addEventListener("change", () => this.#hold());
    this.#hold();
  }

  #hold() { this.still.hidden = this.plays.checked; }

  get isRendering() { return this.#isRendering; }

  /** Show a motion of the figure: edit() is called when its turn comes. */
  async show(url, motion, edit) {
    this.#wanted = { url, motion, edit };
    if (this.#isRendering) return;
    this.#isRendering = true;
    this.wait.hidden = false;
    while (this.#wanted) {
      const { url: where, motion: name, edit: what } = this.#wanted;
      this.#wanted = null;
      try {
        const { gif, notes } = await postJson(where, { motion: name, edit: what() });
        this.#place(gif, name);
        this.onNotes(notes);
      } catch (error) { if (!this.#wanted) this.onError(error.message); }
    }
    this.#isRendering = false;
    this.wait.hidden = true;
  }

  #place(gif, motion) {
    const bytes = Uint8Array.from(atob(gif), (character) => character.charCodeAt(0));
    URL.revokeObjectURL(this.#url);
    this.#url = URL.createObjectURL(new Blob([bytes], { type: "image/gif" }));
    this.image.src = this.#url;
    this.image.alt = `the figure: ${readable(motion)}`;
  }

  /** There is nothing to show. */
  clear() {
    this.#wanted = null;
    this.image.removeAttribute("src");
    this.image.alt = "";
    this.still.width = this.still.width; // clears it
  }
}
