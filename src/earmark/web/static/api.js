// Requests to the server; what fails becomes an Error with the server's one line.
import { el } from "./dom.js";

let asking = null; // one question for the token at a time

export async function call(path, { method = "GET", json, body, headers = {}, signal, raw = false } = {}) {
  const options = { method, headers: { ...headers }, signal, body };
  if (json !== undefined) {
    options.body = JSON.stringify(json);
    options.headers["content-type"] = "application/json";
  }
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer. Is it still running?", { cause: error });
  }
  if (answer.status === 401 && path !== "api/session") {
    await token();
    return call(path, { method, json, body, headers, signal, raw });
  }
  if (!answer.ok) {
    let text = `${answer.status} ${answer.statusText}`;
    try { text = (await answer.json()).error ?? text; } catch { /* no JSON: the status has to do */ }
    const error = new Error(text);
    error.status = answer.status;
    error.wait = Number(answer.headers.get("retry-after")) || 0;
    throw error;
  }
  if (raw) return answer;
  return answer.status === 204 ? null : answer.json();
}

function token() {
  asking ??= new Promise(done => {
    const field = el("input", { type: "password", name: "token", autocomplete: "current-password", required: true });
    const wrong = el("p", { class: "bad", role: "alert" });
    const dialog = el("dialog", { class: "card", "aria-label": "Token" });
    dialog.append(el("form", {
      onsubmit: async event => {
        event.preventDefault();
        try {
          await call("api/session", { method: "POST", json: { token: field.value } });
          dialog.close();
          dialog.remove();
          asking = null;
          done();
        } catch (error) { wrong.textContent = error.message; }
      },
    }, el("p", {}, "This server asks for its token."), el("label", {}, "Token ", field), wrong, el("button", {}, "Enter")));
    dialog.addEventListener("cancel", event => event.preventDefault());
    document.body.append(dialog);
    dialog.showModal();
  });
  return asking;
}
