// Pieces of the spectrogram and of the frame scores, fetched as they come into view and kept.
//
// Level k cuts a recording into 2^k tiles of equal length, each of WIDTH pixels or points, so that an hour and a second
// cost the same. Coarser tiles stand in until finer ones are there.

const WIDTH = 1024, POINTS = 768;
const MOST = 160; // tiles kept of a kind

const halves = (() => { // every float16 as a float
  const table = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, part = bits & 1023;
    table[bits] = sign * (exponent === 0 ? part * 2 ** -24 : exponent === 31 ? (part ? NaN : Infinity) : (1 + part / 1024) * 2 ** (exponent - 15));
  }
  return table;
})();

class Tiles {
  constructor(duration, finest, width) {
    Object.assign(this, { duration, width, kept: new Map(), last: Math.max(0, Math.ceil(Math.log2(duration / (width * finest)))) });
  }

  level(span, pixels) {
    const wanted = Math.ceil(Math.log2((this.duration * Math.max(1, pixels)) / (this.width * span)));
    return Math.min(this.last, Math.max(0, wanted));
  }

  // The tiles that are there for a stretch, coarse ones first; asks for those that are missing.
  of(begin, end, pixels, ready) {
    const level = this.level(end - begin, pixels), found = [];
    for (const each of new Set([0, Math.max(0, level - 2), level])) {
      const length = this.duration / 2 ** each;
      for (let place = Math.floor(begin / length); place <= Math.min(2 ** each - 1, Math.floor(end / length)); place++) {
        const key = `${each}/${place}`;
        let tile = this.kept.get(key);
        if (!tile && (each === 0 || each === level)) {
          tile = { begin: place * length, end: (place + 1) * length, level: each, content: null };
          this.kept.set(key, tile);
          this.load(tile).then(content => { tile.content = content; ready(); }, () => { setTimeout(() => this.kept.delete(key), 2000); });
        } else if (tile) { // the most recently used are last
          this.kept.delete(key);
          this.kept.set(key, tile);
        }
        if (tile?.content) found.push(tile);
      }
    }
    for (const key of this.kept.keys()) {
      if (this.kept.size <= MOST) break;
      this.kept.delete(key);
    }
    return found;
  }
}

export class Pictures extends Tiles {
  constructor(base, duration, hop) {
    super(duration, hop, WIDTH);
    this.base = base;
  }

  async load(tile) {
    const image = new Image();
    image.src = `${this.base}/spectrogram?from=${tile.begin}&to=${tile.end}&width=${WIDTH}&height=256`;
    await image.decode();
    return image;
  }
}

export class Curves extends Tiles {
  constructor(base, duration, labels, clock) {
    super(duration, clock.step, POINTS);
    Object.assign(this, { base, labels, clock });
  }

  // {times: edges of the points in seconds, values: (points x labels)}
  async load(tile) {
    const path = `${this.base}/lanes?from=${tile.begin}&to=${tile.end}&points=${POINTS}`;
    const answer = await fetch(path, { headers: { accept: "application/octet-stream" } });
    if (!answer.ok) throw new Error(`${answer.status}`);
    const bits = new Uint16Array(await answer.arrayBuffer()), values = new Float32Array(bits.length);
    for (let i = 0; i < bits.length; i++) values[i] = halves[bits[i]];
    const { step, start, frames } = this.clock;
    const first = Math.max(0, Math.floor((tile.begin - start) / step + 1e-6));
    const last = Math.min(frames, Math.ceil((tile.end - start) / step - 1e-6)), count = Math.max(0, last - first);
    const points = values.length / this.labels.length, times = new Float64Array(points + 1);
    for (let i = 0; i < points; i++) times[i] = start + (first + Math.floor((i * count) / points + 1e-9)) * step;
    times[points] = start + last * step;
    return { times, values };
  }
}
