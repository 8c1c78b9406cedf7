// The desk: the list of recordings, and beside it the one that is open.
import { call } from "./api.js";
import { counted, el, long, notice, number } from "./dom.js";
import { Folder } from "./folder.js";
import { Recording } from "./recording.js";

const BUSY = ["waiting", "reading", "scoring"];
const SAYS = { waiting: "waits for its turn", reading: "is being read", scoring: "is being analysed", failed: "could not be analysed" };

export class Desk {
  constructor(state) {
    Object.assign(this, { state, recordings: [], current: null, id: null, timer: 0 });
    this.input = el("input", { type: "file", multiple: true, accept: "audio/*,video/mp4,.flac,.ogg,.opus,.aiff,.aif,.au,.w64,.caf", id: "file", class: "sr", onchange: () => { this.upload([...this.input.files]); this.input.value = ""; } });
    this.search = el("input", { type: "search", placeholder: "part of a name", "aria-label": "Search by name", oninput: () => this.showList() });
    this.label = el("select", { "aria-label": "Recordings tagged with", onchange: () => this.showList() }, el("option", { value: "" }, "any label"));
    this.least = el("input", { type: "number", min: 0, max: 1, step: 0.05, value: "0", "aria-label": "Tags that score at least", oninput: () => this.showList() });
    this.count = el("p", { class: "soft small", role: "status" });
    this.list = el("ul", { class: "files" });
    this.folder = new Folder(state, id => this.added(id ? [id] : []));
    this.uploads = el("div", { class: "uploads", role: "status" });
    this.side = el("details", { class: "side", open: true }, el("summary", {}, "Recordings"),
      el("div", { class: "open" }, el("label", { class: "button main", for: "file" }, "Choose recordings"), this.input, el("span", { class: "soft small" }, "or drop them anywhere on this page")),
      this.uploads, this.folder.node,
      el("div", { class: "filters", role: "search", "aria-label": "Recordings" }, this.search, el("label", {}, "tag ", this.label), el("label", {}, "score ≥ ", this.least)),
      this.count, this.list);
    this.place = el("div", { class: "place" });
    this.node = el("div", { class: "desk" }, this.side, this.place);
  }

  async open([id]) {
    await this.refresh();
    await this.folder.begin();
    if (!id) {
      this.current?.close();
      this.current = this.id = null;
      this.side.open = true;
      this.welcome();
    } else if (id !== this.id) await this.show(id);
    this.showList();
  }

  close() {
    clearTimeout(this.timer);
    this.timer = -1;
    this.current?.close();
  }

  welcome() {
    const labels = this.state.models.find(each => each.name === this.state.model)?.reportable ?? [];
    this.place.replaceChildren(el("section", { class: "welcome" },
      el("h1", {}, "What is in a recording, and when?"),
      el("p", {}, "Drop a recording anywhere on this page, or choose one. It stays on this machine’s server: you see its spectrogram, how sure the model is of each sound at every moment, and the events that follow."),
      el("p", {}, "The sliders beside a recording move the thresholds; the events follow at once. Under Review you go through events one by one and learn how far the model can be trusted."),
      el("details", {}, el("summary", {}, `The ${counted(labels.length, "sound")} that ${this.state.model} reports`), el("p", { class: "labels" }, ...labels.map(label => el("span", { class: "tag" }, label))))));
  }

  async refresh() {
    clearTimeout(this.timer);
    const { recordings } = await call("api/recordings");
    const before = new Map(this.recordings.map(each => [each.id, each.state]));
    this.recordings = recordings;
    this.showList();
    for (const each of recordings) if (each.id === this.id && before.get(each.id) !== each.state) await this.current?.update(each.state);
    if (this.timer !== -1 && recordings.some(each => BUSY.includes(each.state))) this.timer = setTimeout(() => this.refresh().catch(error => notice(error.message, "error")), 250);
  }

  async show(id) {
    this.current?.close();
    this.id = id;
    this.current = new Recording(id, this.state, () => this.remove(id));
    this.place.replaceChildren(this.current.node);
    if (matchMedia("(max-width: 800px)").matches) this.side.open = false;
    await this.current.load();
  }

  showList() {
    const labels = [...new Set(this.recordings.flatMap(each => each.tags.map(tag => tag.label)))].sort();
    if (labels.join("\n") !== this.labelsShown) {
      const chosen = this.label.value;
      this.label.replaceChildren(el("option", { value: "" }, "any label"), ...labels.map(label => el("option", { value: label, selected: label === chosen }, label)));
      this.labelsShown = labels.join("\n");
    }
    const wanted = this.search.value.toLowerCase(), label = this.label.value, least = Number(this.least.value) || 0;
    const shown = this.recordings.filter(each => (each.path ?? each.name).toLowerCase().includes(wanted)
      && (!label && !least || each.tags.some(tag => (!label || tag.label === label) && tag.score >= least)));
    this.count.textContent = this.recordings.length ? (shown.length === this.recordings.length ? counted(shown.length, "recording") : `${shown.length} of ${counted(this.recordings.length, "recording")}`) : "No recording yet.";
    const focused = document.activeElement?.closest?.(".files a")?.getAttribute("href");
    this.list.replaceChildren(...shown.map(each => this.item(each)));
    if (focused) this.list.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
  }

  item(each) {
    const told = each.state === "ready"
      ? (each.tags.length ? each.tags.slice(0, 4).map(tag => el("span", { class: "tag" }, tag.label, el("span", { class: "n" }, number(tag.score)))) : [el("span", { class: "soft" }, "no tag")])
      : [el("span", { class: each.state === "failed" ? "bad" : "soft busy" }, each.state === "failed" ? each.error ?? SAYS.failed : SAYS[each.state])];
    return el("li", {}, el("a", { href: `#/r/${encodeURIComponent(each.id)}`, "aria-current": each.id === this.id ? "true" : null },
      el("span", { class: "file" }, each.path ?? each.name), el("span", { class: "soft n" }, long(each.seconds)), el("span", { class: "tags" }, ...told)));
  }

  async upload(files) {
    const added = [];
    for (const file of files) {
      const line = el("p", { class: "small" }, `Sending ${file.name} …`);
      this.uploads.append(line);
      try {
        added.push(await this.send(file, line));
      } catch (error) { notice(`${file.name}: ${error.message}`, "error"); }
      line.remove();
    }
    this.added(added.map(each => each.id));
  }

  async send(file, line) {
    const form = new FormData();
    form.append("file", file, file.name);
    const address = `api/recordings?model=${encodeURIComponent(this.state.model)}`;
    for (;;) {
      try {
        return await call(address, { method: "POST", body: form });
      } catch (error) {
        if (error.status !== 503) throw error;
        line.textContent = `The server is busy; ${file.name} is sent again in ${error.wait || 2} s …`;
        await new Promise(done => setTimeout(done, 1000 * (error.wait || 2)));
      }
    }
  }

  added(ids) {
    if (ids.length === 1) location.hash = `#/r/${encodeURIComponent(ids[0])}`;
    this.refresh().catch(error => notice(error.message, "error"));
  }

  async remove(id) {
    await call(`api/recordings/${encodeURIComponent(id)}`, { method: "DELETE" });
    location.hash = "#/";
  }
}
