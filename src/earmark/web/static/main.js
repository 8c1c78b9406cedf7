// The page: which part of it is shown (after the #), the model, and recordings that are dropped anywhere.
import { call } from "./api.js";
import { el, notice, store, stored } from "./dom.js";
import { show as showKeys } from "./keys.js";
import { Desk } from "./desk.js";
import { ReviewRoom } from "./review.js";
import { ListenRoom } from "./listen.js";

const main = document.getElementById("main");
const state = { models: [], model: null };
let room = null;

const ROOMS = { "": Desk, r: Desk, review: ReviewRoom, listen: ListenRoom };
const PAGES = { "": "recordings", r: "recordings", review: "review", listen: "listen" };
const TITLES = { recordings: "Recordings", review: "Review", listen: "Microphone" };

async function route() {
  const [, name = "", ...rest] = location.hash.split("/");
  const kind = ROOMS[name] ?? Desk, page = PAGES[name] ?? "recordings";
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.page === page) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
  }
  document.title = `${TITLES[page]} – earmark`;
  if (!(room instanceof kind)) {
    room?.close();
    room = new kind(state);
    main.replaceChildren(room.node);
  }
  try { await room.open(rest.map(decodeURIComponent)); } catch (error) { notice(error.message, "error"); }
}

function dropping() {
  const files = event => event.dataTransfer?.types.includes("Files");
  let depth = 0;
  document.addEventListener("dragenter", event => { if (files(event)) { depth++; document.body.classList.add("dropping"); } });
  document.addEventListener("dragleave", event => { if (files(event) && --depth <= 0) { depth = 0; document.body.classList.remove("dropping"); } });
  document.addEventListener("dragover", event => { if (files(event)) event.preventDefault(); });
  document.addEventListener("drop", event => {
    if (!files(event)) return;
    event.preventDefault();
    depth = 0;
    document.body.classList.remove("dropping");
    state.bring([...event.dataTransfer.files]);
  });
}

// Files onto the desk, from wherever one is.
state.bring = async files => {
  if (!(room instanceof Desk)) {
    history.pushState(null, "", "#/");
    await route();
  }
  await room.upload(files);
};

async function begin() {
  document.getElementById("keys-button").addEventListener("click", showKeys);
  document.querySelector(".skip").addEventListener("click", event => { event.preventDefault(); main.focus(); });
  dropping();
  try {
    state.models = (await call("api/models")).models;
  } catch (error) {
    main.replaceChildren(el("p", { class: "pad bad" }, error.message));
    return;
  }
  if (!location.hash && (await call("api/review")).open) history.replaceState(null, "", "#/review");
  const chosen = stored("model", null), choice = document.getElementById("model");
  state.model = state.models.find(each => each.name === chosen)?.name ?? state.models.find(each => each.default)?.name ?? state.models[0]?.name;
  choice.replaceChildren(...state.models.map(({ name }) => el("option", { value: name, selected: name === state.model }, name)));
  choice.closest("label").hidden = state.models.length < 2;
  choice.addEventListener("change", () => { state.model = choice.value; store("model", choice.value); });
  addEventListener("hashchange", route);
  await route();
}

begin();
