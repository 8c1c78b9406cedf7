// In the audio thread: samples as they are recorded, mixed down to one channel, in pieces of a tenth of a second.
class Recorder extends AudioWorkletProcessor {
  constructor() {
    super();
    this.held = new Float32Array(Math.round(sampleRate / 10));
    this.count = 0;
  }

  process([channels]) {
    if (!channels?.length) return true;
    const length = channels[0].length;
    for (let i = 0; i < length; i++) {
      let sum = 0;
      for (const channel of channels) sum += channel[i];
      this.held[this.count++] = sum / channels.length;
      if (this.count === this.held.length) {
        const piece = this.held;
        this.held = new Float32Array(piece.length);
        this.port.postMessage(piece, [piece.buffer]); // handed over: it has no length afterwards
        this.count = 0;
      }
    }
    return true;
  }
}

registerProcessor("recorder", Recorder);
