import { el } from "./dom.js";
export class ListenRoom { constructor() { this.node = el("div", {}); } async open() {} close() {} }
