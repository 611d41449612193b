/** Prometheus metrics. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Scheduler, StepReport } from './scheduler.ts';
import type { StateCache } from './stateCache.ts';

export class Measurements {
  readonly registry = new Registry();
  readonly #requests: Counter<'path' | 'status'>;
  readonly #seconds: Histogram<'path'>;
  readonly #firstToken: Histogram;
  readonly #tokens: Counter<'kind'>;
  readonly #steps: Counter;
  readonly #stepSeconds: Histogram;
  readonly #stepSequences: Histogram;

  constructor() {
    const registers = [this.registry];
    const metric = (name: string, help: string) => ({ name: `plusminus_${name}`, help, registers });
    collectDefaultMetrics({ register: this.registry });
    this.#requests = new Counter({
      ...metric('requests_total', 'Requests that were answered.'),
      labelNames: ['path', 'status'],
    });
    this.#seconds = new Histogram({
      ...metric('request_seconds', 'From a request to the end of its answer.'),
      labelNames: ['path'],
      buckets: [0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300],
    });
    this.#firstToken = new Histogram({
      ...metric('first_token_seconds', 'From a request to the first text of its answer.'),
      buckets: [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30],
    });
    this.#tokens = new Counter({
      ...metric('tokens_total', 'Tokens: read from prompts, found in the cache, generated.'),
      labelNames: ['kind'],
    });
    this.#steps = new Counter(metric('steps_total', 'Programs that were run.'));
    this.#stepSeconds = new Histogram({
      ...metric('step_seconds', 'Time of one program.'),
      buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2],
    });
    this.#stepSequences = new Histogram({
      ...metric('step_sequences', 'Sequences that one program advanced.'),
      buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256],
    });
  }

  /** Gauges that are computed when metrics are read. */
  watch(scheduler: Scheduler, cache: StateCache): void {
    const gauge = (name: string, help: string, read: () => number) =>
      new Gauge({
        ...{ name: `plusminus_${name}`, help, registers: [this.registry] },
        collect() {
          this.set(read());
        },
      });
    gauge('sequences_active', 'Sequences that hold a slot.', () => scheduler.active);
    gauge('sequences_waiting', 'Sequences that wait for a slot.', () => scheduler.waiting);
    gauge('slots', 'Sequences that can be active.', () => scheduler.model.slots);
    gauge('state_cache_bytes', 'States and tokens in memory.', () => cache.bytes);
    gauge('state_cache_entries', 'States in memory and on the disk.', () => cache.entries);
    gauge('state_cache_hits', 'Prompts that began with a known state.', () => cache.hits);
    gauge('state_cache_misses', 'Prompts that did not.', () => cache.misses);
  }

  /** @param path the route's pattern, so that there are few labels */
  answered(path: string, status: number, seconds: number): void {
    this.#requests.inc({ path, status });
    this.#seconds.observe({ path }, seconds);
  }

  firstText(seconds: number): void {
    this.#firstToken.observe(seconds);
  }

  counted(usage: { readonly prompt: number; readonly cached: number; readonly generated: number }): void {
    this.#tokens.inc({ kind: 'prompt' }, usage.prompt - usage.cached);
    this.#tokens.inc({ kind: 'cached' }, usage.cached);
    this.#tokens.inc({ kind: 'generated' }, usage.generated);
  }

  step({ sequences, milliseconds }: StepReport): void {
    this.#steps.inc();
    this.#stepSeconds.observe(milliseconds / 1000);
    this.#stepSequences.observe(sequences);
  }
}
