/** Log-mel: centred STFT with a periodic Hann window, power, Slaney mel filters, log10, a floor, and a scale. */
import type { Audio } from "./config.ts";
import { Matrix } from "./ops.ts";

/** samples [n] -> log-mel [n / hop, mel bins]: frame t is centred on sample t * hop. */
export function logMel(samples: Float32Array, audio: Audio): Matrix {
  const { hop_length: hop, window_size: size, num_mel_bins: melBins } = audio;
  const frames = Math.floor(samples.length / hop); // the STFT has one more, which is dropped
  const bins = size / 2 + 1;
  const hann = Float64Array.from({ length: size }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size));
  const cos = Float64Array.from({ length: size }, (_, i) => Math.cos((2 * Math.PI * i) / size));
  const sin = Float64Array.from({ length: size }, (_, i) => Math.sin((2 * Math.PI * i) / size));
  const filters = melFilters(melBins, bins, audio.sampling_rate);
  const windowed = new Float64Array(size);
  const power = new Float64Array(bins);
  const out = new Matrix(frames, melBins);

  for (let t = 0; t < frames; t++) {
    for (let i = 0; i < size; i++) windowed[i] = hann[i]! * reflect(samples, t * hop - size / 2 + i);
    for (let k = 0; k < bins; k++) {
      let re = 0;
      let im = 0;
      for (let i = 0, phase = 0; i < size; i++) {
        re += windowed[i]! * cos[phase]!;
        im -= windowed[i]! * sin[phase]!;
        phase += k; // phase = i * k mod size
        if (phase >= size) phase -= size;
      }
      power[k] = re * re + im * im;
    }
    const row = out.row(t);
    for (let m = 0; m < melBins; m++) {
      const filter = filters[m]!;
      let energy = 0;
      for (let k = 0; k < bins; k++) energy += filter[k]! * power[k]!;
      const log = Math.log10(Math.max(energy, 1e-10));
      row[m] = (Math.max(log, audio.global_log_mel_max - 8) + 4) / 4;
    }
  }
  return out;
}

/** Before the first and past the last sample the signal is mirrored, the edge sample not repeated. */
function reflect(samples: Float32Array, i: number): number {
  if (i < 0) i = -i;
  if (i >= samples.length) i = 2 * (samples.length - 1) - i;
  return samples[i] ?? 0;
}

/** [mel bins][frequency bins]: triangles evenly spaced in mel from 0 to half the sampling rate, each of unit area. */
function melFilters(melBins: number, bins: number, samplingRate: number): Float64Array[] {
  const top = toMel(samplingRate / 2);
  const edge = (i: number): number => toHz((top * i) / (melBins + 1));
  return Array.from({ length: melBins }, (_, m) => {
    const [low, centre, high] = [edge(m), edge(m + 1), edge(m + 2)];
    return Float64Array.from({ length: bins }, (_, k) => {
      const hz = (k * samplingRate) / 2 / (bins - 1);
      const triangle = Math.min((hz - low) / (centre - low), (high - hz) / (high - centre));
      return (Math.max(0, triangle) * 2) / (high - low);
    });
  });
}

/** Slaney's scale: linear up to 1 kHz (mel 15), logarithmic above. */
const toMel = (hz: number): number => (hz < 1000 ? (3 * hz) / 200 : 15 + (27 * Math.log(hz / 1000)) / Math.log(6.4));
const toHz = (mel: number): number => (mel < 15 ? (200 * mel) / 3 : 1000 * Math.exp((Math.log(6.4) * (mel - 15)) / 27));
