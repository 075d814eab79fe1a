// Gallery: loads older cards when the end of the list comes near.
import { announce, base, dress } from "./site.js";

const cards = document.getElementById("cards");

const load = async (more) => {
  const answer = await fetch(`${base}gallery/more?after=${encodeURIComponent(more.dataset.next)}`).catch(() => null);
  if (!answer?.ok) return; // its link still works
  const part = document.createElement("ul");
  part.append(...new DOMParser().parseFromString(`<ul>${await answer.text()}</ul>`, "text/html").querySelector("ul").children);
  const hadFocus = more.contains(document.activeElement);
  const count = part.children.length;
  const first = part.firstElementChild;
  dress(part);
  more.replaceWith(...part.children);
  if (hadFocus) first.querySelector("a").focus();
  announce(`${count} more animations`);
  watch();
};

const watcher = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) { watcher.unobserve(target); load(target); }
  }
}, { rootMargin: "800px" });
const watch = () => {
  const more = cards?.querySelector(".more");
  if (!more) return;
  watcher.observe(more);
  more.querySelector("a").addEventListener("click", (event) => { event.preventDefault(); load(more); });
};
watch();
