// What the verdicts say: precision of each label, the threshold for a precision, and a label's curve and calibration.
import { call } from "./api.js";
import { debounced, el, number, words } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";

function svg(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

export class Figures {
  constructor() {
    this.wanted = el("input", { type: "number", min: 0.5, max: 1, step: 0.01, value: "0.9", id: "wanted", onchange: () => this.load() });
    this.body = el("tbody");
    this.one = el("div", { class: "figures" });
    this.label = null;
    this.box = el("details", { class: "card", ontoggle: () => { if (this.box.open) this.load(); } }, el("summary", {}, "What follows: precision, thresholds, calibration"),
      el("p", { class: "soft" }, "Precision is the share of events that are right. It is estimated for all events of a label from those with a verdict; the interval says how far it can be trusted."),
      el("p", {}, el("label", { for: "wanted" }, "Wanted precision "), this.wanted),
      el("div", { class: "wide" }, el("table", {}, el("thead", {}, el("tr", {}, ...["label", "judged", "precision", "95 % interval", "threshold", "events kept", "precision there"].map((name, place) => el("th", { scope: "col", class: place ? "num" : "" }, name)))), this.body)), this.one);
    this.node = this.box;
    this.soon = debounced(() => { if (this.box.open) this.load(); }, 400);
  }

  async load() {
    try {
      const { labels } = await call(`api/review/figures?wanted=${Math.min(1, Math.max(0.01, Number(this.wanted.value) || 0.9))}`);
      const known = labels.filter(row => row.precision.judged);
      this.label = known.find(row => row.label === this.label)?.label ?? known[0]?.label ?? null;
      this.body.replaceChildren(...labels.filter(row => row.total).map(row => el("tr", { class: row.label === this.label ? "picked" : "" },
        el("td", {}, row.precision.judged ? el("button", { type: "button", class: "link", onclick: () => { this.label = row.label; this.load(); } }, ...words(row.label)) : el("span", {}, ...words(row.label))),
        el("td", { class: "num" }, `${row.precision.judged} / ${row.total}`), el("td", { class: "num" }, number(row.precision.value)),
        el("td", { class: "num" }, row.precision.judged ? `${number(row.precision.low)} to ${number(row.precision.high)}` : "–"),
        el("td", { class: "num" }, row.reach ? number(row.reach.threshold, 3) : row.precision.judged ? "none" : "–"), el("td", { class: "num" }, row.reach ? `${row.reach.events} / ${row.total}` : "–"), el("td", { class: "num" }, row.reach ? `${number(row.reach.low)} to ${number(row.reach.high)}` : "–"))));
      if (this.label === null) { this.one.replaceChildren(); return; }
      const figure = await call(`api/review/figure?label=${encodeURIComponent(this.label)}`);
      this.one.replaceChildren(this.precision(figure), this.calibration(figure));
    } catch (error) { this.one.replaceChildren(el("p", { class: "bad" }, error.message)); }
  }

  frame(title, across, upwards, said, ...content) { // axes from 0 to 1
    const marks = [0, 0.25, 0.5, 0.75, 1].flatMap(at => [
      svg("line", { x1: 48, x2: 300, y1: 210 - 190 * at, y2: 210 - 190 * at, class: "grid" }),
      svg("text", { x: 43, y: 214 - 190 * at, "text-anchor": "end" }, String(at)),
      svg("text", { x: 48 + 252 * at, y: 226, "text-anchor": "middle" }, String(at)),
    ]);
    return el("figure", {}, el("figcaption", {}, title), svg("svg", { viewBox: "0 0 312 248", role: "img", "aria-label": said }, ...marks,
      svg("text", { x: 174, y: 243, "text-anchor": "middle" }, across), svg("text", { x: 10, y: 115, "text-anchor": "middle", transform: "rotate(-90 10 115)" }, upwards), ...content));
  }

  precision({ label, curve }) {
    const x = at => 48 + 252 * at, y = at => 210 - 190 * at;
    const line = name => curve.map((point, place) => `${place ? "L" : "M"}${x(point.threshold).toFixed(1)} ${y(point[name]).toFixed(1)}`).join("");
    const band = `${line("high")}${[...curve].reverse().map(point => `L${x(point.threshold).toFixed(1)} ${y(point.low).toFixed(1)}`).join("")}Z`;
    const last = curve.at(-1), first = curve[0];
    const said = `Precision of ${label} by threshold: ${number(first.value)} from ${number(first.threshold)} up, ${number(last.value)} from ${number(last.threshold)} up`;
    return this.frame(`${label}: precision of the events that score at least …`, "threshold", "precision", said, svg("path", { d: band, class: "band" }), svg("path", { d: line("value"), class: "curve" }),
      ...curve.map(point => { const dot = svg("circle", { cx: x(point.threshold), cy: y(point.value), r: 2.2, class: "dot" }); dot.append(svg("title", {}, `from ${number(point.threshold)}: ${number(point.value)} (${number(point.low)} to ${number(point.high)}), ${point.events} events`)); return dot; }));
  }

  calibration({ label, bins, platt }) {
    const x = at => 48 + 252 * at, y = at => 210 - 190 * at, content = [svg("line", { x1: x(0), y1: y(0), x2: x(1), y2: y(1), class: "diagonal" })];
    if (platt) {
      const logit = score => Math.log(score / (1 - score));
      const path = Array.from({ length: 61 }, (_, place) => Math.min(0.999, Math.max(0.001, place / 60))).map((score, place) => `${place ? "L" : "M"}${x(score).toFixed(1)} ${y(1 / (1 + Math.exp(-(platt.slope * logit(score) + platt.intercept)))).toFixed(1)}`).join("");
      content.push(svg("path", { d: path, class: "map" }));
    }
    for (const bin of bins) {
      content.push(svg("line", { x1: x(bin.score), x2: x(bin.score), y1: y(bin.share_low), y2: y(bin.share_high), class: "whisker" }));
      const dot = svg("circle", { cx: x(bin.score), cy: y(bin.share), r: 4, class: "dot" });
      dot.append(svg("title", {}, `scores ${number(bin.low)} to ${number(bin.high)}: ${Math.round(bin.share * bin.judged)} of ${bin.judged} right`));
      content.push(dot);
    }
    const said = `Calibration of ${label}: ${bins.map(bin => `at scores around ${number(bin.score)}, ${Math.round(100 * bin.share)} % are right`).join("; ")}`;
    return this.frame(`${label}: are scores chances? On the dashed line, a score of 0.8 is right eight times in ten`, "score of an event", "share that is right", said, ...content);
  }
}
