// One recording: its lanes, its player, its tags and events, and the sliders that decide them.
import { call } from "./api.js";
import { clock, counted, debounced, el, long, notice, number } from "./dom.js";
import { setKeys } from "./keys.js";
import { Lanes } from "./lanes.js";
import { Player } from "./player.js";
import { Point } from "./point.js";
import { Curves, Pictures } from "./tiles.js";
import { TimeView } from "./timeview.js";

const FEW = 8; // lanes shown at first
const NEAR = 0.2; // clip score from which a label without events has a lane
const ROWS = 200; // events in the table at once
const STATES = { waiting: "Waiting for its turn …", reading: "Reading the recording …", scoring: "Analysing the recording …" };

export class Recording {
  constructor(id, state, onremove) {
    Object.assign(this, { id, state, base: `api/recordings/${encodeURIComponent(id)}`, more: 0, found: { events: [], tags: [] }, event: -1, asked: 0 });
    this.title = el("h1", { tabindex: "-1" });
    this.facts = el("p", { class: "soft small facts" });
    this.progress = el("p", { class: "busy", role: "status" });
    this.tags = el("p", { class: "labels", role: "group", "aria-label": "Tags of the recording" });
    this.stage = el("div", { class: "stagebox" });
    this.tools = el("div", { class: "tools" });
    this.below = el("div", { class: "below" });
    this.side = el("div", { class: "pointbox" });
    this.node = el("section", { class: "recording", "aria-label": "Recording" },
      el("div", { class: "middle" }, el("div", { class: "head" }, this.title, el("button", { type: "button", class: "quiet", onclick: onremove }, "Remove from the list")), this.facts, this.progress, this.tags, this.tools, this.stage, this.below), this.side);
    this.decide = debounced(() => this.askEvents(), 15);
  }

  async load() {
    this.about = await call(this.base);
    this.show();
  }

  async update() {
    this.about = await call(this.base);
    this.show();
  }

  close() {
    this.player?.close();
    setKeys([]);
  }

  show() {
    const { about } = this, ready = about.state === "ready";
    this.title.textContent = about.path ?? about.name;
    const facts = [long(about.seconds), about.rate && `${about.rate / 1000} kHz`, about.channels && (about.channels === 1 ? "mono" : about.channels === 2 ? "stereo" : `${about.channels} channels`), about.format, about.model, ...(about.actions ?? [])];
    this.facts.textContent = facts.filter(Boolean).join(" · ");
    this.progress.hidden = ready;
    this.progress.textContent = about.state === "failed" ? `This recording could not be analysed: ${about.error}` : STATES[about.state] ?? "";
    this.progress.className = about.state === "failed" ? "bad" : "busy";
    if (about.problem) this.progress.replaceWith(this.progress = el("p", { class: "bad", role: "status" }, `Only a part could be read: ${about.problem}`));
    if (about.spectrogram && about.seconds && !this.view) this.begin();
    if (ready && !this.point) this.decideFirst();
  }

  begin() {
    const { about } = this;
    this.view = new TimeView(about.seconds);
    this.source = { duration: about.seconds, pictures: new Pictures(this.base, about.seconds, about.spectrogram.hop), curves: null, labels: about.labels, edges: about.spectrogram.edges };
    this.player = new Player(`${this.base}/audio`, about.seconds, (at, playing) => {
      this.lanes?.setHead(at);
      if (playing) this.view.follow(at);
    });
    this.lanes = new Lanes(this.view, this.source, {
      names: `Spectrogram, scores and events of ${about.name}`,
      onseek: at => this.player.seek(at),
      onpick: event => this.pick(this.found.events.indexOf(event), false),
    });
    const zoom = (text, what, job) => el("button", { type: "button", title: what, "aria-label": what, onclick: job }, text);
    this.tools.replaceChildren(this.player.node, el("div", { class: "zoom", role: "group", "aria-label": "Zoom" },
      zoom("−", "Zoom out", () => this.view.zoom(1 / 2)), zoom("+", "Zoom in", () => this.view.zoom(2)), zoom("Whole", "Show the whole recording", () => this.view.whole())));
    this.stage.replaceChildren(this.lanes.node);
    setKeys([
      { keys: [" "], what: "play or pause", job: () => this.player.toggle() },
      { keys: ["ArrowLeft"], what: "go back by a twentieth of what is in view", job: () => this.step(-1) },
      { keys: ["ArrowRight"], what: "go on by as much", job: () => this.step(1) },
      { keys: ["+", "="], what: "zoom in at the line", job: () => this.view.zoom(2, this.player.at) },
      { keys: ["-"], what: "zoom out", job: () => this.view.zoom(1 / 2, this.player.at) },
      { keys: ["0"], what: "show the whole recording", job: () => this.view.whole() },
      { keys: ["n", "ArrowDown"], what: "next event, and play it", job: () => this.pick(this.event + 1) },
      { keys: ["p", "ArrowUp"], what: "previous event, and play it", job: () => this.pick(this.event - 1) },
    ]);
  }

  step(direction) {
    this.player.seek(this.player.at + (direction * this.view.span) / 20);
    this.view.follow(this.player.at);
  }

  decideFirst() {
    const { about } = this;
    this.source.curves = new Curves(this.base, about.seconds, about.labels, about.clock);
    const model = this.state.models.find(each => each.name === about.model);
    this.point = new Point(about, model?.reportable ?? about.labels, () => this.decide());
    this.side.replaceChildren(this.point.node);
    this.moreButton = el("button", { type: "button", class: "quiet", onclick: () => { this.more += FEW; this.showLanes(); } });
    this.table = el("tbody");
    this.caption = el("caption", {});
    this.note = el("p", { class: "soft small" });
    this.below.replaceChildren(this.moreButton,
      el("p", { class: "legend soft small" }, el("span", {}, el("i", { class: "key curve" }), "score as the model gives it, before the median filter"), el("span", {}, el("i", { class: "key dash" }), "onset threshold"), el("span", {}, el("i", { class: "key event" }), "event"), el("span", {}, "Drag to move, Ctrl and wheel (or two fingers) to zoom.")),
      el("div", { class: "wide" }, el("table", {}, this.caption, el("thead", {}, el("tr", {}, ...["", "onset", "offset", "label", "score"].map((name, place) => el("th", { scope: "col", class: place && place !== 3 ? "num" : "" }, name || el("span", { class: "sr" }, "play"))))), this.table)), this.note);
    this.askEvents();
  }

  async askEvents() {
    const turn = ++this.asked;
    try {
      const found = await call(`${this.base}/events`, { method: "POST", json: { changes: this.point.changes } });
      if (turn !== this.asked) return; // a later answer is on its way
      this.found = { ...found, events: found.events.map(([begin, end, label, score]) => ({ begin, end, label, score, kind: "event" })) };
      this.point.accepted();
    } catch (error) {
      if (turn === this.asked) this.point.refused(error.message);
      return;
    }
    this.event = -1;
    this.showTags();
    this.showLanes();
    this.showTable();
    this.point.told(this.found);
  }

  showTags() {
    this.tags.replaceChildren(el("span", { class: "soft small" }, "Tags: "), ...(this.found.tags.length
      ? this.found.tags.map(({ label, score }) => el("span", { class: "tag" }, label, el("span", { class: "n" }, number(score))))
      : [el("span", { class: "soft" }, "none")]));
  }

  showLanes() {
    const { about, found } = this, by = new Map();
    for (const event of found.events) by.set(event.label, [...(by.get(event.label) ?? []), event]);
    const score = label => about.clip[label] ?? 0, chosen = this.point.label === "*" ? [] : [this.point.label];
    const ranked = [...about.labels].sort((one, other) => score(other) - score(one));
    const first = [...new Set([...chosen, ...ranked.filter(label => by.has(label))])];
    const near = ranked.filter(label => !first.includes(label));
    const few = Math.max(0, FEW - first.length), likely = near.filter(label => score(label) >= NEAR).slice(0, few);
    let shown = [...first, ...likely];
    if (!shown.length) shown = ranked.slice(0, 3);
    const rest = near.filter(label => !shown.includes(label));
    shown = [...shown, ...rest.slice(0, this.more)];
    const left = about.labels.length - shown.length;
    this.moreButton.hidden = left <= 0;
    this.moreButton.textContent = `Show more labels (${left} hidden, each without an event)`;
    this.lanes.setRows(shown.map(label => ({ label, score: about.clip[label], events: by.get(label) ?? [], ...this.point.thresholds(label) })));
  }

  showTable() {
    const { events } = this.found;
    this.caption.textContent = counted(events.length, "event");
    this.table.replaceChildren(...events.slice(0, ROWS).map((event, place) => el("tr", { "data-place": String(place) },
      el("td", {}, el("button", { type: "button", class: "quiet small", "aria-label": `Play ${event.label} at ${clock(event.begin)}`, onclick: () => this.pick(place) }, "▶")),
      el("td", { class: "num" }, clock(event.begin)), el("td", { class: "num" }, clock(event.end)), el("td", {}, event.label), el("td", { class: "num" }, number(event.score)))));
    this.note.textContent = events.length > ROWS ? `The first ${ROWS} are listed; the lanes show all.` : "";
  }

  pick(place, play = true) {
    const event = this.found.events[place];
    if (!event) return;
    this.event = place;
    this.lanes.pick(event);
    this.view.reveal(event.begin, event.end);
    for (const row of this.table.children) row.classList.toggle("picked", row.dataset.place === String(place));
    if (play) this.player.stretch(event.begin - 0.2, event.end + 0.2);
    else notice(`${event.label}, ${clock(event.begin)} to ${clock(event.end)}, score ${number(event.score)}`);
  }
}
