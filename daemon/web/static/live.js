// Replaces the changed parts of a list that the server has rendered anew, and leaves the rest, and the focus, where they are.
import { dress } from "./site.js";

const keyed = (parent) => new Map([...parent.children].filter((each) => each.dataset.key).map((each) => [each.dataset.key, each]));

const bare = (html) => html.replace(/<time([^>]*)>[^<]*<\/time>/g, "<time$1></time>").replace(/ hidden="[^"]*"/g, "");

export const replaceChanged = (target, html) => {
  const fresh = new DOMParser().parseFromString(html, "text/html").body;
  merge(target, fresh);
  dress(target);
};

// A preview goes on moving though the text beside it has changed.
const keepPreview = (known, each) => {
  const [before, after] = [known, each].map((row) => row.querySelector(":scope > .preview"));
  if (before && after) after.replaceWith(before);
};

const merge = (old, fresh) => {
  const before = keyed(old);
  const order = [];
  for (const each of [...fresh.children]) {
    const known = before.get(each.dataset.key);
    if (known && known.tagName === each.tagName) {
      before.delete(each.dataset.key);
      const oldRows = known.querySelector(":scope > .rows");
      const newRows = each.querySelector(":scope > .rows");
      if (oldRows && newRows) { merge(oldRows, newRows); order.push(known); continue; }
      if (known.dataset.source === bare(each.outerHTML)) { order.push(known); continue; }
      const hasFocus = known.contains(document.activeElement);
      if (hasFocus && known.querySelector("form")) {
        const text = known.querySelector("p");
        const other = each.querySelector("p");
        if (text && other && each.querySelector("form")) { text.replaceChildren(...other.childNodes); order.push(known); continue; }
      }
      each.dataset.source = bare(each.outerHTML);
      keepPreview(known, each);
      known.replaceWith(each);
    }
    each.dataset.source ??= bare(each.outerHTML);
    order.push(each);
  }
  for (const gone of before.values()) {
    const next = gone.nextElementSibling ?? gone.previousElementSibling;
    const hadFocus = gone.contains(document.activeElement);
    gone.remove();
    if (hadFocus) (next?.querySelector("a, button") ?? document.getElementById("main")).focus();
  }
  for (const each of [...old.children]) if (!order.includes(each)) each.remove();
  order.forEach((each, place) => { if (old.children[place] !== each) old.insertBefore(each, old.children[place] ?? null); });
};
