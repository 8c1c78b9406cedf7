// Small helpers: elements, texts for times and numbers, messages. Text is set as text, never as HTML.

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = value;
    else if (name in node && typeof value !== "string") node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter(child => child !== null && child !== undefined && child !== false));
  return node;
}

export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

// 3.5 -> "3.50", 75.25 -> "1:15.25", 3725 -> "1:02:05"; digits after the point as asked for.
export function clock(seconds, digits = 2) {
  const scale = 10 ** digits, whole = Math.round(Math.max(0, seconds) * scale) / scale;
  const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60, rest = (whole % 60).toFixed(digits);
  if (hours) return `${hours}:${String(minutes).padStart(2, "0")}:${rest.padStart(digits ? 3 + digits : 2, "0")}`;
  return minutes ? `${minutes}:${rest.padStart(digits ? 3 + digits : 2, "0")}` : rest;
}

export const long = seconds => seconds === null || seconds === undefined ? "–" : seconds < 60 ? `${clock(seconds, 1)} s` : clock(seconds, 0);

export const number = (value, digits = 2) => value === null || value === undefined ? "–" : value.toFixed(digits);

export const counted = (count, thing) => `${count.toLocaleString("en")} ${thing}${count === 1 ? "" : "s"}`;

// A label that may break after an underscore, a comma or a slash.
export const words = label => label.split(/(?<=[_,/-])/).flatMap((part, place) => place ? [document.createElement("wbr"), part] : [part]);

let timer = 0;
export function notice(text, kind = "info") {
  const place = document.getElementById("notices");
  const box = el("div", { class: `notice ${kind}` }, el("span", {}, text));
  box.append(el("button", { type: "button", class: "quiet", "aria-label": "Close this message", onclick: () => box.remove() }, "×"));
  if (kind !== "error") for (const other of place.querySelectorAll(".notice:not(.error)")) other.remove();
  place.append(box);
  if (kind !== "error") {
    clearTimeout(timer);
    timer = setTimeout(() => box.remove(), 6000);
  }
}

// Calls `job` once things have been quiet for `wait` milliseconds.
export function debounced(job, wait) {
  let waiting = 0;
  return (...given) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => job(...given), wait);
  };
}

export function stored(name, fallback) {
  try {
    const text = localStorage.getItem(`earmark.${name}`);
    return text === null ? fallback : JSON.parse(text);
  } catch {
    return fallback; // private windows may have no storage
  }
}

export function store(name, value) {
  try {
    localStorage.setItem(`earmark.${name}`, JSON.stringify(value));
  } catch { /* the setting then lasts as long as the page */ }
}
