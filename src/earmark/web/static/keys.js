// Keys for everything, a list of them, and a switch for those who use a screen reader or speech.
import { el, store, stored } from "./dom.js";

const NAMES = { " ": "Space", ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓" };
let table = []; // [{keys: ["n"], what, job}]
let allowed = stored("keys", true);

export function setKeys(entries) { table = entries; }

document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || document.querySelector("dialog[open]")) return;
  const { target } = event;
  if (target.closest("input:not([type=checkbox]):not([type=radio]), select, textarea, [contenteditable]")) return;
  if (event.key === "?") { show(); event.preventDefault(); return; }
  if (!allowed) return;
  if ((event.key === " " || event.key === "Enter") && target.closest("button, a, summary, input")) return; // their own meaning
  const entry = table.find(each => each.keys.includes(event.key) || each.keys.includes(event.key.toLowerCase()) && event.key.length === 1 && !event.shiftKey);
  if (!entry) return;
  event.preventDefault();
  entry.job(event);
});

export function show() {
  const dialog = document.getElementById("keys");
  const box = el("input", { type: "checkbox", checked: allowed, onchange: () => { allowed = box.checked; store("keys", allowed); } });
  dialog.replaceChildren(
    el("h2", { id: "keys-title" }, "Keys"),
    el("dl", { class: "keys" }, ...table.flatMap(({ keys, what }) => [el("dt", {}, ...keys.flatMap((key, place) => [place ? " or " : "", el("kbd", {}, NAMES[key] ?? (key.length === 1 ? key.toUpperCase() === key && /[A-Z]/.test(key) ? `Shift ${key}` : key.toUpperCase() : key))])), el("dd", {}, what)]),
      el("dt", {}, el("kbd", {}, "?")), el("dd", {}, "this list")),
    el("p", {}, el("label", {}, box, " Use these keys (switch them off if they get in the way of a screen reader or of speech input)")),
    el("form", { method: "dialog" }, el("button", {}, "Close")),
  );
  dialog.showModal();
}
