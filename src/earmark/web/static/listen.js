// The microphone: what it hears goes to the server through a WebSocket, and lanes grow with the answers.
import { clock, counted, el, long, notice, number } from "./dom.js";
import { setKeys } from "./keys.js";
import { Lanes } from "./lanes.js";
import { LivePictures } from "./livepicture.js";
import { TimeView } from "./timeview.js";

const SPAN = 30; // seconds in view while it listens
const LANES = 8;
const KEPT = 15 * 60; // seconds of sound that are kept for a look afterwards
const BEHIND = 4 * 2 ** 20; // bytes that may wait to be sent; beyond, sound is left out and said so

export class ListenRoom {
  constructor(state) {
    this.state = state;
    this.button = el("button", { type: "button", class: "main", onclick: () => (this.socket ? this.stop() : this.start()) }, "Listen");
    this.analyse = el("button", { type: "button", hidden: true, onclick: () => this.keep() }, "Analyse what was heard");
    this.status = el("p", { role: "status", class: "soft" }, "The sound goes to the server that this page comes from, and nowhere else.");
    this.meter = el("meter", { min: 0, max: 1, low: 0.02, high: 0.95, optimum: 0.3, value: 0, "aria-label": "Level" });
    this.stage = el("div", { class: "stagebox" });
    this.list = el("tbody");
    this.caption = el("caption", {}, "No event yet");
    this.news = el("p", { class: "sr", role: "status", "aria-live": "polite" });
    this.node = el("section", { class: "listen middle" }, el("h1", {}, "What does the microphone hear?"), this.status, el("div", { class: "tools" }, el("div", { class: "player" }, this.button, this.meter, this.analyse)), this.stage,
      el("div", { class: "wide" }, el("table", {}, this.caption, el("thead", {}, el("tr", {}, ...["onset", "offset", "label", "score"].map((name, place) => el("th", { scope: "col", class: place === 2 ? "" : "num" }, name)))), this.list)), this.news);
  }

  async open() {
    setKeys([{ keys: [" "], what: "begin or end listening", job: () => this.button.click() }]);
  }

  close() {
    this.stop();
    setKeys([]);
  }

  async start() {
    if (!navigator.mediaDevices?.getUserMedia) {
      this.status.textContent = "Browsers give a page the microphone only over https, or on the machine that the server runs on.";
      return;
    }
    this.button.disabled = true;
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } });
      this.sound = new AudioContext();
      await this.sound.audioWorklet.addModule("static/worklet.js");
      await this.connect(this.sound.sampleRate);
    } catch (error) {
      this.status.textContent = error.name === "NotAllowedError" ? "The browser was not allowed to use the microphone." : `The microphone cannot be used: ${error.message}`;
      this.stop();
      return;
    } finally { this.button.disabled = false; }
    this.recorder = new AudioWorkletNode(this.sound, "recorder"); // its output stays silent, but what is not connected is not run
    this.recorder.port.onmessage = ({ data }) => this.take(data);
    this.source = this.sound.createMediaStreamSource(this.stream);
    this.source.connect(this.recorder).connect(this.sound.destination);
    await this.sound.resume();
    this.button.textContent = "Stop";
    this.analyse.hidden = true;
  }

  connect(rate) {
    Object.assign(this, { rate, pieces: [], kept: 0, seconds: 0, lost: 0, known: 0, events: new Map(), labels: [], curves: null, best: null });
    this.list.replaceChildren();
    this.caption.textContent = "No event yet";
    this.view = new TimeView(SPAN);
    this.pictures = new LivePictures(rate);
    this.lanes = new Lanes(this.view, { duration: SPAN, pictures: this.pictures, curves: null, labels: null, edges: this.pictures.edges }, { names: "Spectrogram, scores and events of what is heard" });
    this.stage.replaceChildren(this.lanes.node);
    const address = new URL(`v1/listen?${new URLSearchParams({ rate, format: "f32le", scores: true, updates: true, model: this.state.model, name: "microphone" })}`, location.href);
    address.hash = "";
    address.protocol = address.protocol.replace("http", "ws");
    this.socket = new WebSocket(address);
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = ({ data }) => this.hear(JSON.parse(data));
    this.socket.onclose = () => this.ended();
    return new Promise((done, failed) => {
      this.ready = done;
      this.socket.onerror = () => failed(new Error("the server does not take the sound"));
    });
  }

  take(samples) { // from the microphone
    if (!this.socket) return;
    let most = 0;
    for (const sample of samples) most = Math.max(most, Math.abs(sample));
    this.meter.value = most;
    this.pictures.add(samples);
    this.seconds += samples.length / this.rate;
    this.pieces.push(samples);
    this.kept += samples.length / this.rate;
    while (this.kept > KEPT) this.kept -= this.pieces.shift().length / this.rate;
    if (this.socket.readyState === WebSocket.OPEN) {
      if (this.socket.bufferedAmount > BEHIND) this.lost += samples.length / this.rate;
      else {
        if (this.lost) { this.socket.send(JSON.stringify({ type: "gap", seconds: this.lost })); this.lost = 0; }
        this.socket.send(samples);
      }
    }
    this.view.duration = Math.max(SPAN, this.seconds);
    this.view.set(this.view.duration - SPAN, this.view.duration);
    this.lanes.setHead(this.seconds);
    this.show();
  }

  hear(news) { // from the server
    if (news.type === "ready") {
      this.labels = news.labels;
      this.times = [];
      this.curves = news.labels.map(() => []);
      this.best = new Float32Array(news.labels.length);
      this.status.textContent = `${news.model} listens; an event is shown about ${number(news.latency.begin, 1)} s after it begins.`;
      this.ready();
    } else if (news.type === "scores") this.scores(news);
    else if (["begin", "update", "end"].includes(news.type)) this.event(news);
    else if (news.type === "error") { notice(news.error, "error"); this.stop(); }
    else if (news.type === "done") this.socket?.close();
  }

  scores({ onset, step, scores }) {
    if (!this.curves) return;
    scores.forEach((row, place) => {
      this.times.push(onset + place * step);
      row.forEach((value, label) => {
        this.curves[label].push(value);
        if (value > this.best[label]) this.best[label] = value;
      });
    });
    this.known = onset + scores.length * step;
    const most = Math.ceil(KEPT / step);
    if (this.times.length > 1.2 * most) {
      this.times = this.times.slice(-most);
      this.curves = this.curves.map(values => values.slice(-most));
    }
  }

  event({ type, id, label, onset, offset, score }) {
    const old = this.events.get(id), event = { id, begin: onset, end: offset ?? Math.max(this.known, onset + 0.1), open: type !== "end", label, score, kind: "event" };
    this.events.set(id, event);
    if (!old) this.news.textContent = `${label} begins`;
    const row = old?.row ?? el("tr");
    event.row = row;
    row.replaceChildren(el("td", { class: "num" }, clock(event.begin)), el("td", { class: "num" }, event.open ? "…" : clock(event.end)), el("td", {}, label), el("td", { class: "num" }, number(score)));
    if (!old) this.list.prepend(row);
    while (this.list.children.length > 100) this.list.lastChild.remove();
    this.caption.textContent = counted(this.events.size, "event");
  }

  show() {
    if (!this.curves) return;
    const by = new Map();
    for (const event of this.events.values()) {
      if (event.open) event.end = Math.max(event.end, this.known);
      if (event.end > this.view.begin) by.set(event.label, [...(by.get(event.label) ?? []), event]);
    }
    if (!this.shown || this.seconds - this.shownAt > 1 || [...by.keys()].some(label => !this.shown.includes(label))) { // lanes change places at most once a second
      const recent = this.curves.map((values, label) => [this.labels[label], Math.max(0, ...values.slice(-Math.ceil(values.length / Math.max(1, this.known / SPAN))))]);
      const ranked = recent.sort((one, other) => Number(by.has(other[0])) - Number(by.has(one[0])) || other[1] - one[1]).slice(0, Math.max(LANES, by.size)).map(([label]) => label);
      const stay = (this.shown ?? []).filter(label => ranked.includes(label));
      this.shown = [...stay, ...ranked.filter(label => !stay.includes(label))];
      this.shownAt = this.seconds;
    }
    const step = this.times.length > 1 ? this.times[1] - this.times[0] : 0.02, times = [...this.times, (this.times.at(-1) ?? 0) + step];
    this.lanes.setRows(this.shown.map(label => { const values = this.curves[this.labels.indexOf(label)]; return { label, score: values.at(-1), events: by.get(label) ?? [], values: { times, values } }; }));
  }

  stop() {
    const { socket } = this;
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    this.sound?.close();
    this.sound = null;
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: "end" })); // what is left is then decided
    else if (socket) { socket.onclose = null; socket.close(); this.ended(); }
    this.button.textContent = "Listen";
    this.meter.value = 0;
  }

  ended() {
    const going = this.stream !== null && this.stream !== undefined;
    this.socket = null;
    this.shown = null;
    if (going) { this.stop(); this.status.textContent = "The server ended the connection."; } else if (this.seconds) this.status.textContent = `${long(this.seconds)} were heard.`;
    if (this.lanes && this.curves) { this.show(); this.shown = null; }
    this.analyse.hidden = !this.pieces?.length;
    this.button.textContent = "Listen";
  }

  keep() { // as a recording of the desk, with all that can be done there
    const count = this.pieces.reduce((sum, piece) => sum + piece.length, 0), bytes = new DataView(new ArrayBuffer(44 + 2 * count));
    const text = (at, letters) => [...letters].forEach((letter, place) => bytes.setUint8(at + place, letter.charCodeAt(0)));
    text(0, "RIFF"); bytes.setUint32(4, 36 + 2 * count, true); text(8, "WAVEfmt "); bytes.setUint32(16, 16, true); bytes.setUint16(20, 1, true); bytes.setUint16(22, 1, true);
    bytes.setUint32(24, this.rate, true); bytes.setUint32(28, 2 * this.rate, true); bytes.setUint16(32, 2, true); bytes.setUint16(34, 16, true); text(36, "data"); bytes.setUint32(40, 2 * count, true);
    let at = 44;
    for (const piece of this.pieces) for (const sample of piece) { bytes.setInt16(at, Math.max(-32768, Math.min(32767, Math.round(32768 * sample))), true); at += 2; }
    const when = new Date().toISOString().slice(0, 19).replaceAll(":", "-");
    this.state.bring([new File([bytes.buffer], `microphone ${when}.wav`, { type: "audio/wav" })]);
  }
}
