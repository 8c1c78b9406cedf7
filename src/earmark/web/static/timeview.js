// The part of a recording that is in view: begin and end in seconds. Says "change" when it moves.
import { clamp } from "./dom.js";

const SHORTEST = 0.25; // seconds in view at least

export class TimeView extends EventTarget {
  constructor(duration) {
    super();
    this.duration = Math.max(duration, SHORTEST);
    this.begin = 0;
    this.end = this.duration;
  }

  get span() { return this.end - this.begin; }

  set(begin, end) {
    const span = clamp(end - begin, Math.min(SHORTEST, this.duration), this.duration);
    const from = clamp(begin, 0, this.duration - span);
    if (from === this.begin && from + span === this.end) return;
    this.begin = from;
    this.end = from + span;
    this.dispatchEvent(new Event("change"));
  }

  grow(duration) { // of a recording that is being made
    this.duration = Math.max(duration, SHORTEST);
    this.dispatchEvent(new Event("change"));
  }

  zoom(factor, at = (this.begin + this.end) / 2) { // above 1: closer
    const span = clamp(this.span / factor, Math.min(SHORTEST, this.duration), this.duration);
    const share = (at - this.begin) / this.span;
    this.set(at - share * span, at + (1 - share) * span);
  }

  pan(seconds) { this.set(this.begin + seconds, this.end + seconds); }

  whole() { this.set(0, this.duration); }

  // Bring a stretch into view with room around it; nothing moves where it can be seen well already.
  reveal(begin, end) {
    const length = end - begin, room = Math.max(length * 0.5, 0.5);
    if (begin >= this.begin && end <= this.end && length > this.span / 30) return;
    const span = Math.min(this.duration, Math.max(length + 2 * room, Math.min(this.span, 20 * Math.max(length, 0.5))));
    this.set((begin + end) / 2 - span / 2, (begin + end) / 2 + span / 2);
  }

  follow(at) { // the moving line
    if (at > this.end || at < this.begin) this.set(at - 0.05 * this.span, at + 0.95 * this.span);
  }
}
