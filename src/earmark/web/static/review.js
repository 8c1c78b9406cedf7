// The review: events one by one with a verdict for each, progress, what follows for thresholds, and exports.
import { call } from "./api.js";
import { clamp, clock, counted, debounced, el, notice, number, store, stored, words } from "./dom.js";
import { Figures } from "./figures.js";
import { setKeys } from "./keys.js";
import { Lanes } from "./lanes.js";
import { Player } from "./player.js";
import { Pictures } from "./tiles.js";
import { TimeView } from "./timeview.js";

const AROUND = 3; // seconds shown before and after an event
const NEAR = 10; // seconds within which events of other labels have a lane
const NUDGE = 0.05, FINE = 0.01; // seconds that a key moves a border
const KINDS = { confirmed: "confirmed", rejected: "rejected", unsure: "event" };
const SAID = { confirmed: "confirmed", rejected: "rejected", unsure: "unsure" };

export class ReviewRoom {
  constructor(state) {
    Object.assign(this, { state, queue: [], place: -1, item: null, items: [], sound: null, closed: false });
    this.node = el("div", { class: "review" });
    this.saveBorders = debounced(() => this.storeBorders(), 350);
  }

  async open() {
    const about = await call("api/review");
    if (!about.open) { this.offer(); return; }
    this.about = about;
    if (!this.card) this.build();
    this.tell(about);
    await this.fill();
  }

  close() {
    this.closed = true;
    this.leaveSound();
    setKeys([]);
  }

  async offer() { // nothing is under review
    const { recordings } = await call("api/recordings"), ready = recordings.filter(each => each.state === "ready").length;
    this.node.replaceChildren(el("section", { class: "welcome" }, el("h1", {}, "Can these events be trusted?"),
      el("p", {}, "In a review you listen to detected events one by one and say which are right. From a few dozen verdicts follow the precision of each label at each threshold, and tables that a model can be trained with."),
      el("p", {}, "To review the results of a run, start: ", el("code", {}, "earmark review RESULTS"), ", where RESULTS is the folder that ", el("code", {}, "earmark detect -o RESULTS"), " wrote."),
      el("p", {}, ready ? el("button", { type: "button", class: "main", onclick: () => this.begin() }, `Review the events of the ${counted(ready, "recording")} of this page`) : "Or open recordings under Recordings, and begin a review of them here.")));
  }

  async begin() {
    try {
      await call("api/review", { method: "POST" });
      await this.open();
    } catch (error) { notice(error.message, "error"); }
  }

  build() {
    const order = stored("review.order", "balanced");
    this.order = el("select", { id: "review-order", onchange: () => { store("review.order", this.order.value); this.restart(); } },
      ...[["balanced", "balanced (best for figures)"], ["score", "highest score first"], ["label", "label by label"]].map(([value, text]) => el("option", { value, selected: value === order }, text)));
    this.only = el("select", { id: "review-label", onchange: () => this.restart() });
    this.judged = el("input", { type: "checkbox", id: "review-judged", onchange: () => this.restart() });
    this.progress = el("tbody");
    this.bar = el("progress", { max: 1, value: 0, "aria-label": "Events with a verdict" });
    this.total = el("p", { class: "small", role: "status" });
    this.card = el("section", { class: "event card", "aria-label": "Event" });
    this.heading = el("h1", { tabindex: "-1" });
    this.status = el("p", { class: "small", role: "status", "aria-live": "polite" });
    this.stage = el("div", { class: "stagebox" });
    this.tools = el("div", { class: "tools" });
    const button = (text, key, kind, job, what) => el("button", { type: "button", class: kind, onclick: job, title: what ?? null }, text, " ", el("kbd", {}, key));
    this.verdicts = {
      confirmed: button("Right", "C", "yes", () => this.judge("confirmed")),
      rejected: button("Wrong", "X", "no", () => this.judge("rejected")),
      unsure: button("Unsure", "U", "", () => this.judge("unsure")),
    };
    this.onset = this.timeField("Onset", () => this.typed());
    this.offset = this.timeField("Offset", () => this.typed());
    this.label = el("input", { type: "text", list: "review-labels", id: "event-label", autocomplete: "off", onchange: () => this.relabel() });
    this.labels = el("datalist", { id: "review-labels" });
    this.undoButton = button("Undo", "Z", "", () => this.undo());
    this.figures = new Figures();
    this.kinds = el("div", { class: "exports" });
    this.card.append(this.heading, this.status, this.tools, this.stage,
      el("div", { class: "verdicts", role: "group", "aria-label": "Verdict" }, ...Object.values(this.verdicts)),
      el("div", { class: "verdicts minor" }, button("Back", "↑", "", () => this.step(-1)), button("Next", "↓", "", () => this.step(1)), this.undoButton, this.addButton = button("Add a missed event", "A", "", () => this.add(), "At the moving line, one second long; then drag its borders")),
      el("div", { class: "fields" }, this.onset.node, this.offset.node, el("label", { class: "field" }, "Label ", this.label), this.labels));
    const side = el("details", { class: "side", open: !matchMedia("(max-width: 800px)").matches }, el("summary", {}, "Review"), this.what = el("p", { class: "soft small where" }),
      el("div", { class: "filters" }, el("label", {}, "order ", this.order), el("label", {}, "label ", this.only), el("label", {}, this.judged, "also events with a verdict")),
      this.bar, this.total,
      el("div", { class: "wide" }, el("table", { class: "progress" }, el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "label"), el("th", { scope: "col", class: "num" }, "done"), el("th", { scope: "col", class: "num" }, "right"))), this.progress)));
    this.node.replaceChildren(el("div", { class: "desk" }, side, el("div", { class: "middle" }, this.card, this.figures.node, this.exportBox())));
    this.setKeys();
  }

  timeField(name, job) {
    const input = el("input", { type: "number", step: FINE, min: 0, onchange: job });
    return { input, node: el("label", { class: "field" }, `${name} (s) `, input) };
  }

  setKeys() {
    setKeys([
      { keys: ["c", "Enter"], what: "the event is right", job: () => this.judge("confirmed") },
      { keys: ["x", "Delete"], what: "the event is wrong", job: () => this.judge("rejected") },
      { keys: ["u"], what: "unsure", job: () => this.judge("unsure") },
      { keys: ["z", "Backspace"], what: "undo", job: () => this.undo() },
      { keys: [" "], what: "play the event, or stop", job: () => this.hear() },
      { keys: ["ArrowDown", "n"], what: "next event without a verdict", job: () => this.step(1) },
      { keys: ["ArrowUp", "p"], what: "previous event", job: () => this.step(-1) },
      { keys: ["q"], what: "onset earlier (with Shift: finer)", job: key => this.nudge("onset", -1, key) },
      { keys: ["w"], what: "onset later", job: key => this.nudge("onset", 1, key) },
      { keys: ["o"], what: "offset earlier", job: key => this.nudge("offset", -1, key) },
      { keys: ["e"], what: "offset later", job: key => this.nudge("offset", 1, key) },
      { keys: ["Q", "W", "O", "E"], what: "the same in steps of 10 ms", job: key => this.nudge("QW".includes(key.key) ? "onset" : "offset", "QO".includes(key.key) ? -1 : 1, key) },
      { keys: ["l"], what: "another label", job: () => { this.label.focus(); this.label.select(); } },
      { keys: ["a"], what: "add a missed event at the moving line", job: () => this.add() },
      { keys: ["ArrowLeft"], what: "move the line back", job: () => this.seek(-0.25) },
      { keys: ["ArrowRight"], what: "move the line on", job: () => this.seek(0.25) },
      { keys: ["+", "="], what: "zoom in", job: () => this.view?.zoom(1.6) },
      { keys: ["-"], what: "zoom out", job: () => this.view?.zoom(1 / 1.6) },
      { keys: ["0"], what: "show the whole recording", job: () => this.view?.whole() },
    ]);
  }

  tell({ progress, undoable }) { // progress per label
    const sum = name => progress.reduce((total, row) => total + row[name], 0), total = sum("total"), left = sum("left");
    this.bar.value = total ? (total - left) / total : 1;
    this.total.textContent = `${(total - left).toLocaleString("en")} of ${counted(total, "event")} judged: ${sum("confirmed")} right, ${sum("rejected")} wrong, ${sum("unsure")} unsure; ${sum("added")} added.`;
    const chosen = this.only.value;
    this.progress.replaceChildren(...progress.map(row => el("tr", {}, el("td", {}, el("button", { type: "button", class: "link", "aria-pressed": row.label === chosen ? "true" : "false", onclick: () => { this.only.value = row.label; this.restart(); } }, ...words(row.label))),
      el("td", { class: "num" }, `${row.total - row.left} / ${row.total}`), el("td", { class: "num" }, row.confirmed + row.rejected ? `${Math.round((100 * row.confirmed) / (row.confirmed + row.rejected))} %` : "–"))));
    const names = progress.map(row => row.label);
    if (names.join("\n") !== this.names) {
      this.names = names.join("\n");
      this.only.replaceChildren(el("option", { value: "" }, "all labels"), ...names.map(label => el("option", { value: label, selected: label === chosen }, label)));
      this.labels.replaceChildren(...names.map(label => el("option", { value: label })));
    }
    this.undoButton.disabled = !undoable;
    this.what.textContent = this.about.what;
    this.figures.soon();
  }

  restart() {
    this.queue = [];
    this.place = -1;
    this.fill().catch(error => notice(error.message, "error"));
  }

  // The queue of events; stays at the one that is shown.
  async fill() {
    const label = this.only.value ? `&label=${encodeURIComponent(this.only.value)}` : "";
    const { items, left } = await call(`api/review/queue?order=${this.order.value}${label}&judged=${this.judged.checked}&limit=200`);
    this.left = left;
    const known = new Set(this.queue.map(item => item.id));
    this.queue.push(...items.filter(item => !known.has(item.id)));
    if (this.place < 0 || this.place >= this.queue.length) {
      if (this.queue.length) await this.show(this.place < 0 ? 0 : this.place);
      else this.done();
    }
  }

  done() {
    this.item = null;
    this.card.classList.add("finished");
    this.heading.textContent = this.about.recordings ? "Every event here has a verdict" : "There are no events";
    this.status.textContent = "Choose another label, or look at what follows below.";
    this.stage.replaceChildren();
    this.tools.replaceChildren();
    this.leaveSound();
    for (const each of [...Object.values(this.verdicts), this.addButton]) each.disabled = true;
  }

  async show(place, item = this.queue[place]) {
    this.place = place;
    this.item = item;
    await this.bring(item);
    if (this.closed || this.item?.id !== item.id) return;
    this.item = this.items.find(each => each.id === item.id) ?? item;
    this.draw(true);
    this.hear();
  }

  // The recording of an event: kept if it is the one before, else loaded when it has been read.
  async bring(item) {
    if (this.sound === item.place && this.items.some(each => each.id === item.id)) return;
    const base = `api/review/recordings/${item.place}`;
    let about = await call(base);
    for (let turn = 0; about.state === "reading" && !this.closed; turn++) {
      this.heading.replaceChildren(...words(item.label));
      this.status.textContent = `Reading ${item.recording} …`;
      await new Promise(done => setTimeout(done, Math.min(80 * 1.3 ** turn, 1000)));
      about = await call(base);
    }
    this.items = about.items;
    if (this.sound === item.place) return;
    this.leaveSound();
    this.sound = item.place;
    if (about.state === "failed") { notice(`${item.recording}: ${about.error}`, "error"); this.stage.replaceChildren(); this.tools.replaceChildren(); return; }
    this.view = new TimeView(about.seconds);
    this.player = new Player(`${base}/audio`, about.seconds, (at, playing) => {
      this.lanes?.setHead(at);
      if (playing) this.view.follow(at);
    });
    const source = { duration: about.seconds, pictures: new Pictures(base, about.seconds, about.spectrogram.hop), curves: null, bare: true, labels: null, edges: about.spectrogram.edges };
    this.lanes = new Lanes(this.view, source, {
      names: `Spectrogram and events of ${about.name}`,
      onseek: at => { this.player.seek(at); },
      onpick: event => { if (event.item.id !== this.item?.id) { this.item = event.item; this.draw(false); } },
      onborder: (event, onset, offset, done) => this.drag(event, onset, offset, done),
    });
    const zoom = (text, what, job) => el("button", { type: "button", title: what, "aria-label": what, onclick: job }, text);
    this.tools.replaceChildren(this.player.node, el("div", { class: "zoom", role: "group", "aria-label": "Zoom" }, zoom("−", "Zoom out", () => this.view.zoom(1 / 2)), zoom("+", "Zoom in", () => this.view.zoom(2)), zoom("Event", "Show the event", () => this.around()), zoom("Whole", "Show the whole recording", () => this.view.whole())));
    this.stage.replaceChildren(this.lanes.node);
    this.ahead();
  }

  ahead() { // let the server read the next recording already
    const next = this.queue.slice(this.place + 1).find(item => item.place !== this.sound);
    if (next) call(`api/review/recordings/${next.place}`).catch(() => { /* it is asked for again when its turn comes */ });
  }

  leaveSound() {
    this.player?.close();
    this.player = this.lanes = this.view = null;
    this.sound = null;
  }

  around() {
    const { onset, offset } = this.item, room = Math.max(AROUND, (offset - onset) * 0.6);
    this.view.set(Math.max(0, onset - room), Math.min(this.view.duration, offset + room));
  }

  draw(move) {
    const { item } = this;
    if (!item) return;
    this.card.classList.remove("finished");
    this.addButton.disabled = false;
    this.heading.replaceChildren(...words(item.label), " ", el("span", { class: "soft" }, `${clock(item.onset)} to ${clock(item.offset)}`));
    const parts = [item.score === null ? (item.added ? "added by hand" : "no score") : `score ${number(item.score)}`, item.recording];
    if (item.moved) parts.push(`the model said ${item.detected[2]}, ${clock(item.detected[0])} to ${clock(item.detected[1])}`);
    if (item.verdict) parts.unshift(SAID[item.verdict]);
    this.status.textContent = parts.join(" · ");
    for (const [verdict, button] of Object.entries(this.verdicts)) {
      button.disabled = false;
      button.setAttribute("aria-pressed", String(item.verdict === verdict));
      button.classList.toggle("on", item.verdict === verdict);
    }
    this.onset.input.value = item.onset.toFixed(2);
    this.offset.input.value = item.offset.toFixed(2);
    this.label.value = item.label;
    if (!this.lanes) return;
    const near = each => !each.removed && each.label !== item.label && each.offset > item.onset - NEAR && each.onset < item.offset + NEAR;
    const labels = [item.label, ...[...new Set(this.items.filter(near).map(each => each.label))].sort().slice(0, 6)];
    const rows = labels.map(label => ({ label, events: this.items.filter(each => each.label === label && !each.removed).map(each => this.stretch(each)) }));
    this.lanes.setRows(rows);
    this.lanes.pick(rows[0].events.find(each => each.item.id === item.id) ?? null);
    if (move) this.around();
  }

  stretch(item) {
    const kind = item.added ? "missed" : KINDS[item.verdict] ?? "event";
    return { begin: item.onset, end: item.offset, label: item.label, score: item.score, kind, told: item.verdict ?? "open", item };
  }

  hear() {
    if (!this.player || !this.item) return;
    if (this.player.playing) { this.player.audio.pause(); return; }
    this.player.stretch(this.item.onset - 0.3, this.item.offset + 0.3);
  }

  seek(seconds) { this.player?.seek(clamp(this.player.at + seconds, 0, this.view.duration)); }

  // Every answer of the server holds the event and the progress.
  take({ item, ...rest }) {
    this.tell(rest);
    if (!item) return;
    this.queue = this.queue.map(each => (each.id === item.id ? item : each));
    const others = this.items.filter(each => each.id !== item.id);
    if (this.sound === item.place) this.items = item.removed ? others : [...others, item];
    if (this.item?.id === item.id) this.item = item;
  }

  async send(path, json) {
    try {
      const answer = await call(path, { method: "POST", json });
      this.take(answer);
      return answer;
    } catch (error) {
      notice(error.message, "error");
      return null;
    }
  }

  async judge(verdict) {
    if (!this.item || this.busy) return;
    this.busy = true; // two quick presses of a key judge two events, one after the other
    try {
      await this.flush();
      if (await this.send(`api/review/events/${encodeURIComponent(this.item.id)}`, { verdict: this.item.verdict === verdict ? null : verdict }) && this.item.verdict) await this.step(1, true);
      else this.draw(false);
    } finally { this.busy = false; }
  }

  async step(direction, open = false) {
    await this.flush();
    let place = this.place + direction;
    while (open && this.queue[place]?.verdict) place += direction;
    if (place >= this.queue.length) { await this.fill(); if (place >= this.queue.length) { if (open || direction > 0) this.done(); return; } }
    if (place < 0) return;
    this.player?.audio.pause();
    try { await this.show(place); } catch (error) { notice(error.message, "error"); }
    if (this.queue.length - place < 20 && this.left > this.queue.length) await this.fill();
  }

  async undo() {
    await this.flush();
    const answer = await this.send("api/review/undo");
    if (!answer) return;
    if (answer.item) {
      const place = this.queue.findIndex(each => each.id === answer.item.id);
      this.player?.audio.pause();
      await this.show(place < 0 ? this.place : place, answer.item);
      notice(`Undone: ${answer.item.label}, ${answer.item.recording}`);
    } else { this.sound = null; if (this.item) await this.show(this.place); notice("Undone."); }
  }

  // Borders: shown at once, sent when they rest.
  drag(event, onset, offset, done) {
    if (this.item?.id !== event.item.id) this.item = event.item;
    this.move(onset, offset);
    if (done) this.flush();
  }

  nudge(which, direction, key) {
    if (!this.item) return;
    const step = direction * (key.shiftKey ? FINE : NUDGE), { onset, offset } = this.item;
    if (which === "onset") this.move(clamp(onset + step, 0, offset - FINE), offset); else this.move(onset, Math.max(onset + FINE, offset + step));
  }

  typed() {
    const onset = Number(this.onset.input.value), offset = Number(this.offset.input.value);
    if (!(offset > onset) || onset < 0) { notice("The offset has to lie after the onset.", "error"); this.draw(false); return; }
    this.move(onset, offset);
    this.flush();
  }

  move(onset, offset) {
    const round = seconds => Math.round(clamp(seconds, 0, this.view?.duration ?? seconds) * 1000) / 1000;
    this.item = { ...this.item, onset: round(onset), offset: round(offset) };
    this.items = this.items.map(each => (each.id === this.item.id ? this.item : each));
    this.unsaved = this.item;
    this.draw(false);
    this.saveBorders();
  }

  async storeBorders() {
    const item = this.unsaved;
    this.unsaved = null;
    if (item) await this.send(`api/review/events/${encodeURIComponent(item.id)}`, { onset: item.onset, offset: item.offset, label: item.label });
    if (item && this.item?.id === item.id) this.draw(false);
  }

  async flush() { if (this.unsaved) await this.storeBorders(); }

  async relabel() {
    const label = this.label.value.trim();
    if (!this.item || !label || label === this.item.label) return;
    await this.flush();
    const { id, onset, offset } = this.item;
    await this.send(`api/review/events/${encodeURIComponent(id)}`, { onset, offset, label });
    this.label.blur();
    this.draw(false);
  }

  async add() {
    if (!this.player || !this.item) return;
    await this.flush();
    const onset = Math.round(clamp(this.player.at, 0, Math.max(0, this.view.duration - 0.1)) * 1000) / 1000;
    const answer = await this.send("api/review/events", { place: this.sound, onset, offset: Math.min(onset + 1, this.view.duration), label: this.only.value || this.item.label });
    if (!answer) return;
    this.item = answer.item;
    this.draw(false);
    notice(`Added ${answer.item.label} at ${clock(onset)}. Drag its borders, or give it another label; Next goes on.`);
  }

  exportBox() {
    const choices = [["csv", "CSV", true], ["dcase", "DCASE TSV", true], ["audacity", "Audacity", true], ["raven", "Raven", true], ["label-studio", "Label Studio", true], ["training", "tables for train, tune and evaluate", true]];
    const boxes = choices.map(([value, text, checked]) => [value, el("input", { type: "checkbox", checked, value }), text]);
    const result = el("div", { role: "status" });
    const go = el("button", { type: "button", class: "main", onclick: async () => {
      await this.flush();
      try {
        const done = await call("api/review/export", { method: "POST", json: { kinds: boxes.filter(([, box]) => box.checked).map(([value]) => value) } });
        const many = done.files.length > 12;
        result.replaceChildren(
          el("p", {}, `${counted(done.events, "event")} of ${counted(done.recordings, "recording")} written into `, el("code", {}, done.folder), "."),
          el("ul", { class: "filelist" }, ...done.files.slice(0, 12).map(({ name }) => el("li", {}, el("a", { href: `api/review/file?name=${encodeURIComponent(name)}`, download: true }, name))), many && el("li", { class: "soft" }, `and ${done.files.length - 12} more`)),
          done.command ? el("div", {}, el("p", {}, `${counted(done.complete, "recording")} with a verdict on every event can teach and test a model:`), el("pre", {}, done.command)) : el("p", { class: "soft" }, "Tables for training hold recordings whose every event has a verdict, and need at least one right event."));
      } catch (error) { notice(error.message, "error"); }
    } }, "Export");
    return el("section", { class: "card export", "aria-labelledby": "export-title" }, el("h2", { id: "export-title" }, "Export"),
      el("p", { class: "soft" }, "Right, corrected and added events, as label files for other programs and as tables for training."),
      el("fieldset", {}, el("legend", { class: "sr" }, "Formats"), ...boxes.map(([, box, text]) => el("label", {}, box, ` ${text}`))), go, result);
  }
}
