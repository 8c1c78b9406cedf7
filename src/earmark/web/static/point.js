// The operating point as sliders: thresholds, smoothing, durations and the gate, of one label or of all.
//
// What is moved is kept as changes, {label or "*": {word: value}}, in the words of the server; the server decides.
import { call } from "./api.js";
import { clamp, counted, debounced, el, notice } from "./dom.js";

const WORDS = {
  onset: { name: "Onset threshold", field: "onset", most: 1, step: 0.01, unit: "", help: "An event must reach this score." },
  offset: { name: "Offset threshold", field: "offset", most: 1, step: 0.01, unit: "", help: "It lasts while the score stays above this." },
  median: { name: "Median filter", field: "median_seconds", most: 3, step: 0.02, unit: "s", help: "Smooths the score over so long a time." },
  shortest: { name: "Shortest event", field: "min_duration_on", most: 5, step: 0.05, unit: "s", help: "Shorter events are dropped." },
  gap: { name: "Shortest gap", field: "min_duration_off", most: 5, step: 0.05, unit: "s", help: "Shorter gaps are filled." },
  tag: { name: "Tag threshold", field: "tag_threshold", most: 1, step: 0.01, unit: "", help: "The recording is tagged from this score on." },
};
const NAMES = { ...Object.fromEntries(Object.entries(WORDS).map(([word, { name }]) => [word, name])), gate: "Gate" };
const DEFAULTS = { onset: 0.5, offset: 0.5, median_seconds: 0, min_duration_on: 0, min_duration_off: 0, tag_threshold: 0.5, tag_gate: false };

export class Point {
  constructor(about, reportable, onchange) {
    Object.assign(this, { model: about.model, saved: about.operating_point, differs: about.saved, onchange, changes: {}, label: "*" });
    this.choice = el("select", { id: "point-label", onchange: () => { this.label = this.choice.value; this.show(); this.onchange(); } },
      el("option", { value: "*" }, "all labels"), ...[...reportable].sort().map(label => el("option", { value: label }, label)));
    this.controls = Object.fromEntries(Object.entries(WORDS).map(([word, about]) => [word, this.slider(word, about)]));
    this.gate = el("select", { id: "gate", onchange: () => this.gated() }, el("option", { value: "off" }, "anywhere"), el("option", { value: "tag" }, "only where the tag is given"), el("option", { value: "number" }, "only where the clip score reaches"));
    this.gateValue = el("input", { type: "number", min: 0, max: 1, step: 0.01, "aria-label": "Clip score of the gate", onchange: () => this.gated() });
    this.method = el("p", { class: "soft small" });
    this.trouble = el("p", { class: "bad", role: "alert" });
    this.result = el("p", { class: "small", role: "status" });
    this.list = el("ul", { class: "differences" });
    this.save = el("button", { type: "button", class: "main", onclick: () => this.act("save") }, "Save");
    this.undo = el("button", { type: "button", onclick: () => { this.changes = {}; this.show(); this.onchange(); this.compare(); } }, "Discard");
    this.reset = el("button", { type: "button", class: "quiet", onclick: () => this.act("reset") }, "Back to the model’s own");
    this.node = el("details", { class: "point", open: !matchMedia("(max-width: 800px)").matches }, el("summary", {}, "Thresholds"),
      el("div", { class: "field" }, el("label", { for: "point-label" }, "For"), this.choice), this.result, this.trouble,
      ...Object.values(this.controls).map(({ node }) => node),
      el("div", { class: "field" }, el("label", { for: "gate" }, "Events"), this.gate, this.gateValue), this.method,
      el("div", { class: "actions" }, this.save, this.undo, this.reset),
      el("h2", { class: "minor" }, "Differences from the model’s own"), this.list);
    this.compare = debounced(() => this.askDifferences(), 150);
    if (this.saved.method === "boxes") this.method.textContent = "Events of this model are boxes: the onset threshold is compared with the confidence of a box; offset, median and gap have no effect.";
    this.show();
    this.tell(this.differs);
  }

  slider(word, { name, most, step, unit, help }) {
    const id = `point-${word}`;
    const range = el("input", { type: "range", id, min: 0, max: most, step, "aria-describedby": `${id}-help`, oninput: () => this.set(word, Number(range.value)) });
    const field = el("input", { type: "number", min: 0, max: most > 1 ? 60 : 1, step, "aria-label": `${name} as a number`, onchange: () => this.set(word, clamp(Number(field.value) || 0, 0, most > 1 ? 60 : 1)) });
    const varies = el("span", { class: "soft small" });
    return { range, field, varies, node: el("div", { class: "slider" }, el("label", { for: id, title: help }, name), el("span", { class: "value" }, field, unit && el("span", { class: "soft" }, unit)), range, el("span", { class: "sr", id: `${id}-help` }, help), varies) };
  }

  // The value of a word for a label, with the changes made.
  value(label, word) {
    const field = word === "gate" ? "tag_gate" : WORDS[word].field;
    const own = this.changes[label]?.[word] ?? this.changes["*"]?.[word] ?? this.saved.classes[label]?.[field] ?? DEFAULTS[field];
    if (word === "offset" && this.changes[label]?.offset === undefined && this.changes["*"]?.offset === undefined) return Math.min(own, this.value(label, "onset"));
    return own;
  }

  thresholds(label) {
    const boxes = this.saved.method === "boxes", onset = this.value(label, "onset");
    return { onset, offset: boxes ? onset : this.value(label, "offset") };
  }

  labels() { return this.label === "*" ? [...this.choice.options].slice(1).map(each => each.value) : [this.label]; }

  set(word, value) {
    this.put(word, value);
    if (word === "onset" && this.labels().some(label => this.value(label, "offset") > value)) this.put("offset", Math.min(value, this.shared("offset") ?? value));
    if (word === "offset" && this.labels().some(label => this.value(label, "onset") < value)) this.put("onset", value);
    this.show();
    this.onchange();
    this.compare();
  }

  put(word, value) {
    if (this.label === "*") for (const own of Object.values(this.changes)) delete own[word]; // all means all
    this.changes = { ...this.changes, [this.label]: { ...this.changes[this.label], [word]: value } };
  }

  gated() {
    this.put("gate", this.gate.value === "off" ? false : this.gate.value === "tag" ? true : clamp(Number(this.gateValue.value) || 0, 0, 1));
    this.show();
    this.onchange();
    this.compare();
  }

  shared(word) { // the value that all chosen labels have, or undefined
    const values = new Set(this.labels().map(label => this.value(label, word)));
    return values.size === 1 ? [...values][0] : undefined;
  }

  show() {
    for (const [word, { range, field, varies }] of Object.entries(this.controls)) {
      const values = this.labels().map(label => this.value(label, word));
      const low = Math.min(...values), high = Math.max(...values), middle = [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)];
      const shown = document.activeElement === range ? Number(range.value) : middle;
      range.value = String(shown);
      field.value = String(Math.round(shown * 1000) / 1000);
      varies.textContent = low === high ? "" : `differs between labels: ${low.toFixed(2)} to ${high.toFixed(2)}`;
    }
    const gates = new Set(this.labels().map(label => this.value(label, "gate"))), gate = [...gates][0];
    this.gate.value = gate === false ? "off" : gate === true ? "tag" : "number";
    this.gateValue.hidden = typeof gate !== "number";
    if (typeof gate === "number") this.gateValue.value = String(gate); else if (!this.gateValue.value) this.gateValue.value = "0.5";
    this.undo.disabled = !Object.keys(this.changes).length;
    this.save.disabled = this.undo.disabled;
  }

  accepted() { this.trouble.textContent = ""; }
  refused(text) { this.trouble.textContent = text; }
  told({ events, milliseconds }) { this.result.textContent = `${counted(events.length, "event")}, decided in ${milliseconds} ms`; }

  async askDifferences() {
    try { this.tell((await this.ask("diff")).differences); } catch { /* the events say what is wrong */ }
  }

  ask(action) { return call("api/operating-point", { method: "POST", json: { action, changes: action === "reset" ? {} : this.changes, model: this.model } }); }

  async act(action) {
    try {
      const answer = await this.ask(action);
      this.saved = answer.operating_point;
      this.changes = {};
      this.show();
      this.tell(answer.differences);
      this.onchange();
      notice(action === "save" ? `Saved as ${answer.file}` : "The model’s own operating point is used again.");
    } catch (error) { this.refused(error.message); }
  }

  tell(differences) {
    this.reset.hidden = !differences.length;
    const groups = new Map(); // what is the same for many labels is said once
    for (const { label, word, before, after } of differences) {
      const key = `${word}|${before}|${after}`;
      groups.set(key, { word, before, after, labels: [...(groups.get(key)?.labels ?? []), label] });
    }
    const said = value => typeof value === "boolean" ? (value ? "where the tag is given" : "none") : String(Math.round(value * 1000) / 1000);
    this.list.replaceChildren(...[...groups.values()].slice(0, 60).map(({ word, before, after, labels }) => el("li", {},
      el("span", {}, labels.length > 3 ? `${labels.length} labels` : labels.join(", ")), ` ${NAMES[word].toLowerCase()}: `, el("del", {}, said(before)), " → ", el("ins", {}, said(after)))));
    if (!groups.size) this.list.append(el("li", { class: "soft" }, "none"));
  }
}
