/**
 * Reads a sequence in steps. Each step is a program whose length is a power of two, so that a few programs serve any
 * length without padding.
 */
import type { Engine } from '../engine/engine.ts';
import { InputError } from '../errors.ts';
import { expectList } from '../given.ts';
import { type Architecture, type Forward, type KeyValuePages, lastHidden } from '../model/architecture.ts';
import type { Weights } from '../model/weights.ts';
import { lastToken } from '../ops/lastToken/lastToken.ts';
import { batch } from '../ops/sequences.ts';
import { assign, output, type Program, record } from '../program/record.ts';
import { input, type Tensor } from '../program/tensor.ts';
import type { RecordedModel, RunnableModel } from './model.ts';
import { SequencePages } from './sequencePages.ts';

/** Which logits a run computes: of every token, of the last one, or none (only the state matters). */
export type WantedLogits = 'all' | 'last' | 'none';

/** Max bytes of logits read back per step, or 256 tokens. */
const maxLogitBytes = 2 ** 27;

/** The memory that a step reads and updates: states [1, …], or pages of keys and values. */
export type StepMemory =
  | { readonly kind: 'states'; readonly states: readonly Tensor[] }
  | { readonly kind: 'pages'; readonly pages: KeyValuePages };

export interface RecordedStep {
  readonly program: Program;
  /** [1, length] i32 */
  readonly ids: Tensor;
  /** [length or 1, vocabulary] */
  readonly logits: Tensor | undefined;
}

/** The program that reads `length` tokens of one sequence. */
export function recordStep(
  { architecture, weights }: RecordedModel,
  memory: StepMemory,
  length: number,
  wanted: WantedLogits,
): RecordedStep {
  const ids = input('ids', [1, length], 'i32');
  let logits: Tensor | undefined;
  const program = record(`${length} tokens, logits of ${wanted}`, () => {
    const hidden = lastHidden(forwardFrom(memory, architecture, weights, ids));
    if (wanted === 'none') return;
    logits = output(
      architecture.head(
        weights,
        wanted === 'last' && length > 1 ? lastToken(hidden, { layout: batch }) : hidden,
      ),
    );
  });
  return { program, ids, logits };
}

function forwardFrom(memory: StepMemory, architecture: Architecture, weights: Weights, ids: Tensor): Forward {
  if (architecture.memory === 'cache' && memory.kind === 'pages')
    return architecture.forward(weights, ids, memory.pages);
  if (architecture.memory === 'states' && memory.kind === 'states') {
    const { states } = memory;
    const forward = architecture.forward(weights, ids, { kind: 'batch', states });
    assignStates(states, forward.states);
    return forward;
  }
  throw new Error(`step: the model remembers by ${architecture.memory}, found ${memory.kind}`);
}

/** Assigns the next states to the states. */
export function assignStates(states: readonly Tensor[], next: readonly Tensor[]): void {
  for (const [index, state] of states.entries()) {
    const value = next[index];
    if (!value) throw new Error(`states: found ${next.length} next states for ${states.length}`);
    assign(state, value);
  }
}

/** The tensors that hold what a step remembers. */
export function tensorsOf(memory: StepMemory): readonly Tensor[] {
  return memory.kind === 'states' ? memory.states : memory.pages.tensors;
}

/** The memory with which one sequence reads `length` tokens: states, or pages for `capacity` tokens. */
export function stepMemory(architecture: Architecture, length: number, capacity = length): StepMemory {
  if (architecture.memory === 'states') return { kind: 'states', states: architecture.states(1) };
  return { kind: 'pages', pages: new SequencePages(architecture, capacity).ofStep(length) };
}

/** The program of a step, to count its costs. A model that attends sees `context` tokens, including the step's own. */
export function recordTypicalStep(
  model: RecordedModel,
  length: number,
  wanted: WantedLogits,
  context: number,
): Program {
  return recordStep(model, stepMemory(model.architecture, length, Math.max(context, length)), length, wanted)
    .program;
}

/** Runs one step, and writes the wanted logits to `target`. */
export type RunStep = (
  tokens: readonly number[],
  wanted: WantedLogits,
  target: Float32Array,
) => Promise<void>;

/** How tokens are read: see `SequenceReader.run`. */
export interface Reading {
  readonly wanted: WantedLogits;
  readonly signal: AbortSignal | undefined;
  readonly into: Float32Array | undefined;
}

/**
 * Reads tokens step by step and returns the wanted logits: [tokens, vocabulary], [vocabulary] or nothing. Other
 * sequences may run between two steps.
 * @throws the signal's reason if it is aborted, which is noticed between steps
 */
export async function readInSteps(
  { engine, vocabulary, turns }: RunnableModel,
  tokens: readonly number[],
  { wanted, signal, into }: Reading,
  runStep: RunStep,
): Promise<Float32Array> {
  const longest = longestStep(engine, wanted, vocabulary);
  const size = { all: tokens.length, last: 1, none: 0 }[wanted] * vocabulary;
  const logits = into ?? new Float32Array(size);
  if (logits.length !== size) throw new RangeError(`into: found ${logits.length} numbers, expected ${size}`);
  for (let start = 0; start < tokens.length; ) {
    signal?.throwIfAborted();
    const end = start + stepLength(tokens.length - start, longest);
    const stepWanted = wanted === 'last' && end < tokens.length ? 'none' : wanted;
    const rows = { all: [start, end], last: [0, 1], none: [0, 0] }[stepWanted] as [number, number];
    const target = logits.subarray(rows[0] * vocabulary, rows[1] * vocabulary);
    const part = tokens.slice(start, end);
    await turns.take(() => runStep(part, stepWanted, target));
    start = end;
  }
  return logits;
}

/** @throws InputError for an empty list or an id outside the vocabulary */
export function checkSomeTokens(tokens: readonly number[], vocabulary: number): void {
  expectList('tokens', tokens, 'token ids');
  if (tokens.length === 0) throw new InputError('found no token, expected at least one');
  checkTokens(tokens, vocabulary);
}

/** @throws InputError for an id outside the vocabulary */
export function checkTokens(tokens: readonly number[], vocabulary: number): void {
  expectList('tokens', tokens, 'token ids');
  for (const [index, token] of tokens.entries()) {
    if (Number.isInteger(token) && token >= 0 && token < vocabulary) continue;
    throw new InputError(
      `token ${index}: found ${token}, expected an integer from 0 to ${vocabulary - 1} (the vocabulary)`,
    );
  }
}

/** Tokens of the longest program that reads a sequence, a power of two. */
export function longestStep(engine: Engine, wanted: WantedLogits, vocabulary: number): number {
  if (wanted !== 'all') return engine.longestStep;
  return stepLength(Math.max(256, maxLogitBytes / (4 * vocabulary)), engine.longestStep);
}

/** Tokens of the next step of a sequence. */
export function stepLength(remaining: number, longest: number): number {
  return Math.min(longest, 2 ** Math.floor(Math.log2(remaining)));
}
