/** The memory of a process over time, read from Linux. */
import { readFileSync } from 'node:fs';

interface Sample {
  /** Since the first sample. */
  readonly seconds: number;
  readonly megabytes: number;
}

export class ProcessMemory {
  readonly #pid: number;
  readonly #began = performance.now();
  readonly #samples: Sample[] = [];
  readonly #timer: NodeJS.Timeout;

  /** Takes a sample every `milliseconds` until `stop`. */
  constructor(pid: number, milliseconds: number) {
    this.#pid = pid;
    this.#sample();
    this.#timer = setInterval(() => this.#sample(), milliseconds);
  }

  /** Megabytes that are in memory now. */
  get now(): number {
    return megabytes(this.#pid, 'VmRSS');
  }

  /** Megabytes that were in memory at most. */
  get max(): number {
    return megabytes(this.#pid, 'VmHWM');
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #sample(): void {
    this.#samples.push({ seconds: (performance.now() - this.#began) / 1000, megabytes: this.now });
  }

  /** Means over the four quarters of the time, and the slope over the last three, in which caches are full. */
  summary() {
    const seconds = this.#samples.at(-1)!.seconds;
    const quarters = [0, 1, 2, 3].map((quarter) => {
      const own = this.#samples.filter((sample) => quarterOf(sample, seconds) === quarter);
      return Math.round(mean(own.map((sample) => sample.megabytes)));
    });
    const late = this.#samples.filter((sample) => quarterOf(sample, seconds) > 0);
    return {
      start: this.#samples[0]!.megabytes,
      quarters,
      end: this.#samples.at(-1)!.megabytes,
      max: this.max,
      megabytesPerHour: Math.round(3600 * slope(late)),
    };
  }
}

function quarterOf(sample: Sample, seconds: number): number {
  return Math.min(Math.floor((4 * sample.seconds) / seconds), 3);
}

function megabytes(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const [, kilobytes] = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(
    readFileSync(`/proc/${pid}/status`, 'utf8'),
  )!;
  return Math.round((1024 * Number(kilobytes)) / 1e6);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Of the line with the least squares, in megabytes a second. */
function slope(samples: readonly Sample[]): number {
  const [x, y] = [mean(samples.map(({ seconds }) => seconds)), mean(samples.map((one) => one.megabytes))];
  const products = samples.reduce((sum, one) => sum + (one.seconds - x) * (one.megabytes - y), 0);
  return products / samples.reduce((sum, { seconds }) => sum + (seconds - x) ** 2, 0);
}
