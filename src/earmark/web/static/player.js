// Playback with a moving line: an audio element, and buttons that say what they do.
import { clock, el } from "./dom.js";

export class Player {
  constructor(address, duration, onmove) {
    this.duration = duration;
    this.onmove = onmove;
    this.stopAt = null;
    this.audio = el("audio", { preload: "metadata", src: address });
    this.button = el("button", { type: "button", class: "play", onclick: () => this.toggle() }, "Play");
    this.time = el("span", { class: "time" });
    this.speed = el("select", { "aria-label": "Speed", onchange: () => { this.audio.playbackRate = Number(this.speed.value); } },
      ...[0.25, 0.5, 1, 1.5, 2, 4].map(rate => el("option", { value: String(rate), selected: rate === 1 }, `${rate}×`)));
    this.trouble = el("span", { class: "soft small", role: "status" });
    this.node = el("div", { class: "player" }, this.button, this.time, this.speed, this.trouble, this.audio);
    const changed = () => {
      this.button.textContent = this.audio.paused ? "Play" : "Pause";
      this.button.classList.toggle("on", !this.audio.paused);
      this.tick();
    };
    for (const kind of ["play", "pause", "ended", "seeked"]) this.audio.addEventListener(kind, changed);
    this.audio.addEventListener("error", () => {
      this.button.disabled = true;
      this.trouble.textContent = "This browser cannot play this kind of file; everything else works.";
    });
    this.show();
  }

  get at() { return this.audio.currentTime; }
  get playing() { return !this.audio.paused; }

  show() {
    this.time.textContent = `${clock(this.at, 1)} / ${clock(this.duration, 1)}`;
    this.onmove(this.at, this.playing);
  }

  tick() {
    if (this.stopAt !== null && this.at >= this.stopAt && this.playing) {
      this.audio.pause();
      this.stopAt = null;
    }
    this.show();
    if (this.playing) requestAnimationFrame(() => this.tick());
  }

  seek(seconds) {
    this.stopAt = null;
    this.audio.currentTime = Math.max(0, Math.min(seconds, this.duration));
    this.show();
  }

  toggle() { if (this.playing) this.audio.pause(); else { this.stopAt = null; this.play(); } }

  play() { this.audio.play().catch(() => { /* refused: no sound, or not before a press of the button */ }); }

  stretch(begin, end) { // play from begin to end
    this.audio.currentTime = Math.max(0, begin);
    this.stopAt = Math.min(end, this.duration);
    this.play();
  }

  close() {
    this.audio.pause();
    this.audio.removeAttribute("src");
    this.audio.load();
  }
}
