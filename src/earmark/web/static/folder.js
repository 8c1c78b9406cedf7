// Recordings below the server's root folder, to be opened where they lie.
import { call } from "./api.js";
import { counted, el, notice } from "./dom.js";

export class Folder {
  constructor(state, onopen) {
    Object.assign(this, { state, onopen, path: null });
    this.where = el("nav", { class: "where", "aria-label": "Folder" });
    this.list = el("ul", { class: "folder" });
    this.all = el("button", { type: "button", class: "quiet", onclick: () => this.openAll() });
    this.node = el("details", { class: "tree", hidden: true }, el("summary", {}, "Open from the server’s folder"), this.where, this.list, this.all);
  }

  async begin() {
    if (this.path !== null) return;
    const found = await call("api/folder");
    this.node.hidden = !found.root;
    this.path = "";
    this.show(found);
  }

  async go(path) {
    try {
      const found = await call(`api/folder?path=${encodeURIComponent(path)}`);
      this.path = path;
      this.show(found);
    } catch (error) { notice(error.message, "error"); }
  }

  inside(name) { return this.path ? `${this.path}/${name}` : name; }

  show({ folders, files }) {
    this.files = files;
    const parts = this.path ? this.path.split("/") : [];
    const step = (name, path) => el("button", { type: "button", class: "link", onclick: () => this.go(path) }, name);
    this.where.replaceChildren(step("root", ""), ...parts.flatMap((part, place) => [" / ", step(part, parts.slice(0, place + 1).join("/"))]));
    this.list.replaceChildren(
      ...folders.map(name => el("li", {}, el("button", { type: "button", class: "link", onclick: () => this.go(this.inside(name)) }, `${name}/`))),
      ...files.map(name => el("li", {}, el("button", { type: "button", class: "link", onclick: () => this.open(name).then(this.onopen, error => notice(error.message, "error")) }, name))));
    if (!folders.length && !files.length) this.list.append(el("li", { class: "soft" }, "no recordings here"));
    this.all.hidden = files.length < 2;
    this.all.textContent = `Open all ${files.length} in this folder`;
  }

  async open(name) {
    return (await call("api/recordings", { method: "POST", json: { path: this.inside(name), model: this.state.model } })).id;
  }

  async openAll() {
    const names = this.files, path = this.path;
    let opened = 0;
    for (const name of names) {
      for (;;) {
        try {
          await call("api/recordings", { method: "POST", json: { path: path ? `${path}/${name}` : name, model: this.state.model } });
          opened++;
          break;
        } catch (error) {
          if (error.status !== 503) { notice(`${name}: ${error.message}`, "error"); break; }
          await new Promise(done => setTimeout(done, 1000 * (error.wait || 2)));
        }
      }
      if (opened % 10 === 1) this.onopen(null);
    }
    notice(`Opened ${counted(opened, "recording")}.`);
    this.onopen(null);
  }
}
