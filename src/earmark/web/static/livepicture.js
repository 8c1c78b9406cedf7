// The spectrogram of what is being recorded, column by column; a stand-in for the tiles of a finished recording.

const SIZE = 1024, HEIGHT = 128, COLUMNS = 512; // samples of a frame, bands, columns of a piece
const LOWEST = 50; // Hz
const FLOOR = -100, CEILING = -25; // decibels of a full-scale sine that are drawn darkest and brightest
const ANCHORS = [[0, 4, 14], [38, 18, 82], [112, 31, 108], [184, 55, 84], [238, 105, 52], [252, 180, 66], [253, 247, 195]];

const mel = hertz => 2595 * Math.log10(1 + hertz / 700), hertz = value => 700 * (10 ** (value / 2595) - 1);

export class LivePictures {
  constructor(rate) {
    this.rate = rate;
    this.hop = Math.round(rate * 0.02);
    this.window = Float32Array.from({ length: SIZE }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / SIZE));
    this.edges = Array.from({ length: HEIGHT + 1 }, (_, i) => hertz(mel(LOWEST) + ((mel(rate / 2) - mel(LOWEST)) * i) / HEIGHT));
    this.held = new Float32Array(SIZE); // the last samples
    this.wait = this.hop;
    this.count = 0; // columns so far
    this.pieces = [];
  }

  add(samples) {
    for (let start = 0; start < samples.length;) {
      const take = Math.min(this.wait, samples.length - start);
      this.held.copyWithin(0, take);
      this.held.set(samples.subarray(start, start + take), SIZE - take);
      start += take;
      this.wait -= take;
      if (!this.wait) { this.column(); this.wait = this.hop; }
    }
  }

  column() {
    const real = new Float32Array(SIZE), imaginary = new Float32Array(SIZE);
    for (let i = 0; i < SIZE; i++) real[i] = this.held[i] * this.window[i];
    fourier(real, imaginary);
    const place = this.count % COLUMNS;
    if (!place) {
      const canvas = document.createElement("canvas");
      canvas.width = COLUMNS;
      canvas.height = HEIGHT;
      const step = this.hop / this.rate, begin = this.count * step;
      this.pieces.push({ begin, end: begin + COLUMNS * step, content: canvas, context: canvas.getContext("2d") });
      if (this.pieces.length > 400) this.pieces.shift();
    }
    const image = new ImageData(1, HEIGHT), scale = 16 / SIZE ** 2; // of a sine: (SIZE / 4)^2
    for (let band = 0; band < HEIGHT; band++) {
      const first = Math.max(1, Math.floor((this.edges[band] * SIZE) / this.rate)), last = Math.max(first + 1, Math.ceil((this.edges[band + 1] * SIZE) / this.rate));
      let most = 0;
      for (let bin = first; bin < Math.min(last, SIZE / 2); bin++) most = Math.max(most, real[bin] ** 2 + imaginary[bin] ** 2);
      const level = Math.min(1, Math.max(0, (10 * Math.log10(most * scale + 1e-14) - FLOOR) / (CEILING - FLOOR))) * (ANCHORS.length - 1);
      const under = Math.min(ANCHORS.length - 2, Math.floor(level)), share = level - under, at = 4 * (HEIGHT - 1 - band);
      for (let channel = 0; channel < 3; channel++) image.data[at + channel] = ANCHORS[under][channel] * (1 - share) + ANCHORS[under + 1][channel] * share;
      image.data[at + 3] = 255;
    }
    this.pieces.at(-1).context.putImageData(image, place, 0);
    this.count++;
  }

  of(begin, end) { return this.pieces.filter(piece => piece.end > begin && piece.begin < end); }
}

function fourier(real, imaginary) { // in place; Cooley and Tukey, 1965
  const count = real.length;
  for (let i = 1, j = 0; i < count; i++) {
    let bit = count >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) { [real[i], real[j]] = [real[j], real[i]]; [imaginary[i], imaginary[j]] = [imaginary[j], imaginary[i]]; }
  }
  for (let size = 2; size <= count; size <<= 1) {
    const half = size >> 1, angle = (-2 * Math.PI) / size;
    for (let k = 0; k < half; k++) {
      const cosine = Math.cos(angle * k), sine = Math.sin(angle * k);
      for (let i = k; i < count; i += size) {
        const j = i + half, re = real[j] * cosine - imaginary[j] * sine, im = real[j] * sine + imaginary[j] * cosine;
        real[j] = real[i] - re;
        imaginary[j] = imaginary[i] - im;
        real[i] += re;
        imaginary[i] += im;
      }
    }
  }
}
