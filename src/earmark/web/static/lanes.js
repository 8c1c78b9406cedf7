// Lanes of one recording below a common time axis: spectrogram, frame scores and events label by label, the moving line.
import { clamp, clock, el, words } from "./dom.js";

const STEPS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400];
const HERTZ = [16000, 8000, 4000, 2000, 1000, 500, 250, 125];
const GRIP = 9; // pixels around a border that can be dragged

// source: { duration, pictures, curves, labels, edges } - `pictures` and `curves` of tiles.js, or null where there are none
// options: { names: label of the lanes' group, onseek(s), onpick(event), onborder(event, onset, offset, done) }
export class Lanes {
  constructor(view, source, options = {}) {
    Object.assign(this, { view, source, options, rows: [], head: 0, dirty: false, picked: null, colours: {} });
    this.axis = el("div", { class: "ticks", "aria-hidden": "true" });
    this.picture = el("canvas", { role: "img", "aria-label": "Spectrogram" });
    this.hertz = el("div", { class: "hertz", "aria-hidden": "true" });
    this.pictureLane = el("div", { class: "lane picture" }, el("div", { class: "name" }, this.hertz), el("div", { class: "track" }, this.picture));
    this.body = el("div", { class: "rows" });
    this.line = el("div", { class: "line", "aria-hidden": "true" });
    this.over = el("div", { class: "over", "aria-hidden": "true" }, this.line);
    this.overview = el("canvas", { class: "overview", tabindex: "0", role: "slider", "aria-label": "Part of the recording in view", "aria-valuemin": "0" });
    this.readout = el("output", { class: "readout", "aria-hidden": "true" }, "\u00a0");
    this.stage = el("div", { class: "stage" }, el("div", { class: "lane axis" }, el("div", { class: "name" }), el("div", { class: "track" }, this.axis)), this.pictureLane, this.body, this.over);
    this.node = el("div", { class: source.curves === null && source.bare ? "lanes bare" : "lanes", role: "group", "aria-label": options.names ?? "Lanes" },
      el("div", { class: "lane strip" }, el("div", { class: "name" }), el("div", { class: "track" }, this.overview)), this.stage, this.readout);
    this.repaint = () => {
      if (this.dirty) return;
      this.dirty = true;
      requestAnimationFrame(() => { this.dirty = false; if (this.node.isConnected) this.draw(); });
    };
    view.addEventListener("change", this.repaint);
    this.watcher = new ResizeObserver(this.repaint);
    this.watcher.observe(this.node);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { this.colours = {}; this.repaint(); });
    this.listen();
    this.listenToStrip();
  }

  // rows: [{label, score, onset, offset (thresholds), events: [{begin, end, label, score, kind}], note}]
  setRows(rows) {
    const kept = new Map(this.rows.map(row => [row.label, row]));
    this.rows = rows.map(row => {
      const old = kept.get(row.label);
      const node = old?.node ?? this.rowNode(row);
      return { ...row, node, canvas: node.querySelector("canvas") };
    });
    const nodes = this.rows.map(row => row.node);
    if (nodes.some((node, place) => this.body.children[place] !== node) || nodes.length !== this.body.children.length) this.body.replaceChildren(...nodes);
    for (const row of this.rows) {
      row.node.querySelector(".score").textContent = row.score === undefined || row.score === null ? "" : row.score.toFixed(2);
      row.node.querySelector(".label").title = row.label;
      const told = row.events.slice(0, 5).map(event => `${clock(event.begin)} to ${clock(event.end)}`).join(", ");
      row.canvas.setAttribute("aria-label", `${row.label}: ${row.events.length === 1 ? "1 event" : `${row.events.length} events`}${told ? `, ${told}` : ""}${row.events.length > 5 ? " and more" : ""}`);
    }
    this.repaint();
  }

  rowNode(row) {
    return el("div", { class: "lane row" }, el("div", { class: "name" }, el("span", { class: "label" }, ...words(row.label)), el("span", { class: "score", title: "Score of the whole recording" })),
      el("div", { class: "track" }, el("canvas", { role: "img" })));
  }

  setHead(seconds) {
    this.head = seconds;
    this.placeLine();
  }

  placeLine() {
    const share = (this.head - this.view.begin) / this.view.span;
    this.line.hidden = share < -0.001 || share > 1.001;
    this.line.style.left = `${100 * clamp(share, 0, 1)}%`;
  }

  pick(event) {
    this.picked = event;
    this.repaint();
  }

  colour(name) {
    return (this.colours[name] ??= getComputedStyle(this.node).getPropertyValue(`--${name}`).trim());
  }

  x(seconds, width) { return ((seconds - this.view.begin) / this.view.span) * width; }

  draw() {
    this.placeLine();
    this.drawTicks();
    this.drawPicture();
    for (const row of this.rows) this.drawRow(row);
    this.drawStrip();
  }

  fit(canvas) { // the canvas in pixels of the screen; its context and its size in CSS pixels
    const ratio = Math.min(2, devicePixelRatio || 1), { clientWidth: width, clientHeight: height } = canvas;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    return { context, width, height, ratio };
  }

  drawTicks() {
    const width = this.axis.clientWidth, { begin, end, span } = this.view;
    if (!width) return;
    const step = STEPS.find(each => (each / span) * width >= 70) ?? STEPS.at(-1), marks = [];
    const digits = step >= 1 ? 0 : step >= 0.1 ? 1 : 2;
    for (let at = Math.ceil(begin / step - 1e-9) * step; at <= end + 1e-9; at += step) {
      const mark = el("span", { class: this.x(at, width) > width - 34 ? "last" : "" }, clock(at, digits) + (at < 60 && span < 60 && !digits ? " s" : ""));
      mark.style.left = `${this.x(at, width)}px`;
      marks.push(mark);
    }
    this.axis.replaceChildren(...marks);
  }

  drawPicture() {
    const { pictures } = this.source;
    this.pictureLane.hidden = !pictures;
    if (!pictures) return;
    const { context, width, height, ratio } = this.fit(this.picture);
    this.paint(context, width, height, this.view.begin, this.view.end, width * ratio);
    const edges = this.source.edges;
    if (edges && this.hertzOf !== edges) {
      this.hertzOf = edges;
      let last = 1e9;
      this.hertz.replaceChildren(...HERTZ.flatMap(hertz => {
        const place = edges.findIndex(edge => edge >= hertz) / (edges.length - 1);
        const from = 100 * (1 - place);
        if (place <= 0.02 || place > 0.97 || Math.abs(from - last) < 13) return [];
        last = from;
        const mark = el("span", {}, hertz >= 1000 ? `${hertz / 1000} kHz` : `${hertz} Hz`);
        mark.style.top = `${from}%`;
        return [mark];
      }));
    }
  }

  paint(context, width, height, begin, end, pixels) { // the spectrogram of a stretch
    context.imageSmoothingEnabled = true;
    const scale = width / (end - begin);
    for (const tile of this.source.pictures.of(begin, end, pixels, this.repaint)) {
      context.drawImage(tile.content, (tile.begin - begin) * scale, 0, (tile.end - tile.begin) * scale, height);
    }
  }

  drawRow(row) {
    const { context, width, height, ratio } = this.fit(row.canvas), { curves, labels } = this.source;
    const foot = height - 11, top = 3, level = score => foot - score * (foot - top);
    for (const event of row.events) {
      const from = this.x(event.begin, width), to = this.x(event.end, width);
      if (to < -2 || from > width + 2) continue;
      const colour = this.colour(event.kind ?? "event");
      context.globalAlpha = event === this.picked ? 0.34 : 0.17;
      context.fillStyle = colour;
      context.fillRect(from, 0, Math.max(2, to - from), foot);
      context.globalAlpha = 1;
      context.beginPath();
      context.roundRect(from, foot + 2, Math.max(3, to - from), 7, 2);
      context.fill();
      if (event.kind === "rejected") this.strike(context, from, to, foot);
      if (event === this.picked) this.handles(context, from, to, height);
    }
    context.strokeStyle = this.colour("line");
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(0, foot + 0.5);
    context.lineTo(width, foot + 0.5);
    context.stroke();
    const column = labels ? labels.indexOf(row.label) : -1;
    if (curves && column >= 0) this.drawCurve(context, column, width, level, ratio);
    if (row.values) this.drawValues(context, row.values, width, level);
    for (const [threshold, dash] of [[row.onset, [5, 4]], [row.offset === row.onset ? undefined : row.offset, [1.5, 3]]]) {
      if (threshold === undefined || threshold === null) continue;
      context.setLineDash(dash);
      context.strokeStyle = this.colour("soft");
      context.beginPath();
      context.moveTo(0, level(threshold));
      context.lineTo(width, level(threshold));
      context.stroke();
      context.setLineDash([]);
    }
  }

  strike(context, from, to, foot) {
    context.strokeStyle = this.colour("card");
    context.lineWidth = 1.5;
    context.beginPath();
    context.moveTo(from, foot + 5.5);
    context.lineTo(Math.max(from + 3, to), foot + 5.5);
    context.stroke();
  }

  handles(context, from, to, height) {
    context.strokeStyle = this.colour("ink");
    context.lineWidth = 2;
    context.strokeRect(from, 1, Math.max(2, to - from), height - 2);
    if (!this.options.onborder) return;
    context.fillStyle = this.colour("ink");
    for (const at of [from, Math.max(from + 2, to)]) context.fillRect(at - 3, height / 2 - 9, 6, 18);
  }

  drawCurve(context, column, width, level, ratio) {
    const { curves, labels } = this.source, count = labels.length, columns = Math.ceil(width * ratio);
    const best = new Float32Array(columns).fill(-1); // the highest score of each pixel: no peak is lost
    for (const tile of curves.of(this.view.begin, this.view.end, width * ratio, this.repaint)) {
      const { times, values } = tile.content, points = times.length - 1;
      const clear = new Set();
      for (let i = 0; i < points; i++) {
        const from = Math.max(0, Math.floor(this.x(times[i], columns))), to = Math.min(columns - 1, Math.max(from, Math.ceil(this.x(times[i + 1], columns)) - 1));
        const value = values[i * count + column];
        for (let at = from; at <= to; at++) {
          if (!clear.has(at)) { best[at] = value; clear.add(at); } else if (value > best[at]) best[at] = value; // finer tiles come later
        }
      }
    }
    this.trace(context, columns, at => best[at], at => at / ratio, level);
  }

  drawValues(context, { times, values }, width, level) { // of a recording that is being made
    const shown = [];
    for (let i = 0; i < values.length; i++) if (times[i + 1] > this.view.begin && times[i] < this.view.end) shown.push(i);
    const step = Math.max(1, Math.floor(shown.length / 2000)), points = [];
    for (let i = 0; i < shown.length; i += step) points.push(shown[i]);
    if (points.length) points.push(points.at(-1));
    this.trace(context, points.length, i => values[points[i]], i => this.x(i === points.length - 1 ? times[points[i] + 1] : times[points[i]], width), level);
  }

  trace(context, count, value, place, level) {
    context.beginPath();
    let open = false, first = 0;
    const close = at => { context.lineTo(place(at), level(0)); context.lineTo(place(first), level(0)); };
    const runs = [];
    for (let at = 0; at < count; at++) {
      if (value(at) < 0) { if (open) close(at); open = false; continue; }
      if (!open) { context.moveTo(place(at), level(value(at))); first = at; open = true; runs.push([]); } else {
        context.lineTo(place(at), level(value(at - 1)));
        context.lineTo(place(at), level(value(at)));
      }
      runs.at(-1).push(at);
    }
    if (open) close(count - 1);
    context.globalAlpha = 0.2;
    context.fillStyle = this.colour("soft");
    context.fill();
    context.globalAlpha = 1;
    context.strokeStyle = this.colour("ink");
    context.lineWidth = 1.2;
    context.beginPath();
    for (const run of runs) run.forEach((at, i) => {
      if (i === 0) context.moveTo(place(at), level(value(at)));
      else { context.lineTo(place(at), level(value(at - 1))); context.lineTo(place(at), level(value(at))); }
    });
    context.stroke();
  }

  drawStrip() {
    const { context, width, height, ratio } = this.fit(this.overview), { duration } = this.source;
    const full = this.view.duration || duration;
    if (this.source.pictures) this.paint(context, width, height, 0, full, width * ratio);
    const from = (this.view.begin / full) * width, to = (this.view.end / full) * width;
    context.fillStyle = this.colour("event");
    for (const row of this.rows) for (const event of row.events) context.fillRect((event.begin / full) * width, height - 4, Math.max(1, ((event.end - event.begin) / full) * width), 4);
    if (this.view.span < full - 1e-6) {
      context.fillStyle = "rgba(0,0,0,.55)";
      context.fillRect(0, 0, from, height);
      context.fillRect(to, 0, width - to, height);
      context.strokeStyle = "#fff";
      context.lineWidth = 2;
      context.strokeRect(from + 1, 1, Math.max(3, to - from - 2), height - 2);
    }
    this.overview.setAttribute("aria-valuemax", full.toFixed(2));
    this.overview.setAttribute("aria-valuenow", this.view.begin.toFixed(2));
    this.overview.setAttribute("aria-valuetext", `${clock(this.view.begin)} to ${clock(this.view.end)} of ${clock(full)}`);
  }

  // What lies under the pointer: seconds, the row, the event of it.
  under(pointer) {
    const box = this.over.getBoundingClientRect();
    const at = this.view.begin + ((pointer.clientX - box.left) / box.width) * this.view.span;
    const row = this.rows.find(each => { const own = each.node.getBoundingClientRect(); return pointer.clientY >= own.top && pointer.clientY < own.bottom; });
    const near = (4 / box.width) * this.view.span;
    const hits = row?.events.filter(event => at >= event.begin - near && at <= event.end + near) ?? [];
    const event = hits.includes(this.picked) ? this.picked : hits.sort((one, other) => one.end - one.begin - (other.end - other.begin))[0] ?? null;
    return { at, row, event, seconds: this.view.span / box.width };
  }

  border(place) { // which border of the picked event the pointer can drag
    if (!this.options.onborder || !this.picked || place.row?.label !== this.picked.label) return null;
    const reach = GRIP * place.seconds;
    const [before, after] = [Math.abs(place.at - this.picked.begin), Math.abs(place.at - this.picked.end)];
    return Math.min(before, after) > reach ? null : before <= after ? "begin" : "end";
  }

  listen() {
    const down = new Map(); // pointers on the lanes
    let drag = null, pinch = null;
    const stage = this.stage;
    stage.addEventListener("pointerdown", pointer => {
      if (pointer.button || !pointer.target.closest(".track")) return;
      stage.setPointerCapture(pointer.pointerId);
      down.set(pointer.pointerId, pointer.clientX);
      const place = this.under(pointer);
      const border = this.border(place);
      drag = { x: pointer.clientX, y: pointer.clientY, begin: this.view.begin, moved: false, place, border, pointer: pointer.pointerId };
      if (down.size === 2) {
        const [one, other] = [...down.values()];
        pinch = { distance: Math.max(10, Math.abs(one - other)), begin: this.view.begin, end: this.view.end, at: place.at };
        drag = null;
      }
    });
    stage.addEventListener("pointermove", pointer => {
      if (!down.has(pointer.pointerId)) { this.hover(pointer); return; }
      down.set(pointer.pointerId, pointer.clientX);
      if (pinch && down.size === 2) {
        const [one, other] = [...down.values()], factor = Math.max(10, Math.abs(one - other)) / pinch.distance;
        const span = (pinch.end - pinch.begin) / factor, share = (pinch.at - pinch.begin) / (pinch.end - pinch.begin);
        this.view.set(pinch.at - share * span, pinch.at + (1 - share) * span);
        return;
      }
      if (!drag || drag.pointer !== pointer.pointerId) return;
      if (Math.abs(pointer.clientX - drag.x) > 4) drag.moved = true;
      if (!drag.moved) return;
      const place = this.under(pointer);
      if (drag.border) {
        const at = clamp(place.at, 0, this.source.duration);
        const [onset, offset] = drag.border === "begin" ? [Math.min(at, this.picked.end - 0.01), this.picked.end] : [this.picked.begin, Math.max(at, this.picked.begin + 0.01)];
        this.options.onborder(this.picked, onset, offset, false);
      } else {
        stage.classList.add("panning");
        const begin = drag.begin - (pointer.clientX - drag.x) * place.seconds;
        this.view.set(begin, begin + this.view.span);
      }
    });
    const up = pointer => {
      down.delete(pointer.pointerId);
      stage.classList.remove("panning");
      if (down.size < 2) pinch = null;
      if (!drag || drag.pointer !== pointer.pointerId) return;
      if (drag.border && drag.moved) this.options.onborder(this.picked, this.picked.begin, this.picked.end, true);
      else if (!drag.moved && pointer.type === "pointerup") {
        if (drag.place.event) this.options.onpick?.(drag.place.event);
        this.options.onseek?.(clamp(drag.place.at, 0, this.source.duration));
      }
      drag = null;
    };
    stage.addEventListener("pointerup", up);
    stage.addEventListener("pointercancel", up);
    stage.addEventListener("pointerleave", () => { this.readout.textContent = "\u00a0"; });
    stage.addEventListener("wheel", wheel => {
      if (!wheel.target.closest(".track")) return;
      if (wheel.ctrlKey || wheel.metaKey || wheel.altKey) {
        wheel.preventDefault();
        this.view.zoom(Math.exp(-clamp(wheel.deltaY, -60, 60) / 90), this.under(wheel).at);
      } else if (wheel.shiftKey || Math.abs(wheel.deltaX) > Math.abs(wheel.deltaY)) {
        wheel.preventDefault();
        this.view.pan(((wheel.deltaX || wheel.deltaY) / 600) * this.view.span);
      }
    }, { passive: false });
  }

  hover(pointer) {
    if (!pointer.target.closest(".track")) return;
    const place = this.under(pointer);
    const parts = [`${clock(place.at)}${place.at < 60 ? " s" : ""}`];
    if (place.row) parts.push(place.row.label);
    if (place.event) parts.push(`${place.event.told ?? "event"} ${clock(place.event.begin)} to ${clock(place.event.end)}${place.event.score === null || place.event.score === undefined ? "" : `, score ${place.event.score.toFixed(2)}`}`);
    this.readout.textContent = parts.join(" · ");
    this.stage.classList.toggle("border", this.border(place) !== null);
  }

  listenToStrip() {
    const go = pointer => {
      const box = this.overview.getBoundingClientRect();
      const at = ((pointer.clientX - box.left) / box.width) * this.view.duration;
      this.view.set(at - this.view.span / 2, at + this.view.span / 2);
    };
    this.overview.addEventListener("pointerdown", pointer => { this.overview.setPointerCapture(pointer.pointerId); go(pointer); });
    this.overview.addEventListener("pointermove", pointer => { if (this.overview.hasPointerCapture(pointer.pointerId)) go(pointer); });
    this.overview.addEventListener("keydown", key => {
      const step = { ArrowLeft: -0.25, ArrowRight: 0.25, PageUp: -1, PageDown: 1 }[key.key];
      if (step) this.view.pan(step * this.view.span);
      else if (key.key === "Home") this.view.set(0, this.view.span);
      else if (key.key === "End") this.view.set(this.view.duration - this.view.span, this.view.duration);
      else if (key.key === "ArrowUp") this.view.zoom(1.5);
      else if (key.key === "ArrowDown") this.view.zoom(1 / 1.5);
      else return;
      key.preventDefault();
      key.stopPropagation();
    });
  }
}
