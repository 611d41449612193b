/** One step over rows of several sequences: what all models that advance sequences together share. */
import { bytesOf, type Engine, type Executable, readFloats } from '../engine/engine.ts';
import { InputError } from '../errors.ts';
import { embedding } from '../ops/embedding/embedding.ts';
import { output, type Program, record } from '../program/record.ts';
import { input, type Tensor } from '../program/tensor.ts';
import type { RecordedModel } from './model.ts';
import type { BatchSizes, SlotTokens } from './slotModel.ts';
import { checkTokens } from './steps.ts';

export interface RowStep {
  readonly program: Program;
  /** [1, rows] i32 */
  readonly ids: Tensor;
  /** Rows whose logits are computed, [count] i32. */
  readonly wanted: Tensor;
  /** [count, vocabulary] */
  readonly logits: Tensor | undefined;
}

/**
 * The program that reads `rows` tokens of several sequences and computes the logits of `count` of them.
 * @param forward ids → hidden states after the final norm; updates the memory of the sequences
 */
export function recordRowStep(
  { architecture, weights }: RecordedModel,
  rows: number,
  count: number,
  forward: (ids: Tensor) => Tensor,
): RowStep {
  const ids = input('ids', [1, rows], 'i32');
  const wanted = input('wanted rows', [count], 'i32');
  let logits: Tensor | undefined;
  const program = record(`${rows} tokens of several sequences, ${count} rows of logits`, () => {
    const hidden = forward(ids);
    // Rows of a table: here the table is the hidden states.
    if (count > 0) logits = output(architecture.head(weights, embedding(wanted, hidden)));
  });
  return { program, ids, wanted, logits };
}

/** Runs a step and reads its logits into `target`. Rows beyond those of the parts are padding. */
export async function runRowStep(
  engine: Engine,
  { executable, ids, wanted, logits }: RowStep & { readonly executable: Executable },
  parts: readonly SlotTokens[],
  target: Float32Array,
): Promise<void> {
  const words = new Int32Array(ids.size);
  words.set(parts.flatMap(({ tokens }) => tokens));
  engine.write(ids, bytesOf(words));
  if (logits) {
    const wantedWords = new Int32Array(wanted.size);
    wantedWords.set(listWanted(parts));
    engine.write(wanted, bytesOf(wantedWords));
  }
  await executable.run();
  if (logits) await readFloats(engine, logits, target);
}

/** @throws RangeError for sizes that no step fits */
export function checkBatchSizes({ slots, maxTokens }: BatchSizes): void {
  if (slots >= 1 && maxTokens >= slots) return;
  throw new RangeError(`found ${slots} slots and ${maxTokens} tokens a step, expected 1 ≤ slots ≤ tokens`);
}

/** @throws RangeError for a slot that does not exist */
export function checkSlot(slot: number, slots: number): void {
  if (Number.isInteger(slot) && slot >= 0 && slot < slots) return;
  throw new RangeError(`slot: found ${slot}, expected an integer from 0 to ${slots - 1}`);
}

/**
 * Checks the parts of a step.
 * @returns the number of tokens
 * @throws InputError for an id outside the vocabulary, a part without tokens, or more than `maxTokens` tokens
 */
export function checkParts(
  parts: readonly SlotTokens[],
  { slots, maxTokens }: BatchSizes,
  vocabulary: number,
): number {
  let rows = 0;
  const seen = new Set<number>();
  for (const { slot, tokens } of parts) {
    checkSlot(slot, slots);
    if (seen.has(slot)) throw new Error(`slot ${slot} occurs twice in one step`);
    seen.add(slot);
    if (tokens.length === 0) throw new InputError('found no token, expected at least one');
    checkTokens(tokens, vocabulary);
    rows += tokens.length;
  }
  if (rows === 0 || rows > maxTokens)
    throw new InputError(`step: found ${rows} tokens, expected 1 to ${maxTokens}`);
  return rows;
}

/** Number of tokens of a part whose logits are wanted. */
function wantedCount({ tokens, wanted }: SlotTokens): number {
  return { all: tokens.length, last: 1, none: 0 }[wanted];
}

/** The rows whose logits are wanted. */
export function listWanted(parts: readonly SlotTokens[]): number[] {
  const rows: number[] = [];
  let end = 0;
  for (const part of parts) {
    end += part.tokens.length;
    for (let row = end - wantedCount(part); row < end; row++) rows.push(row);
  }
  return rows;
}

/** Cuts logits [wanted rows, vocabulary] into those of each part. */
export function shareLogits(
  parts: readonly SlotTokens[],
  logits: Float32Array,
  vocabulary: number,
): Float32Array[] {
  let start = 0;
  return parts.map((part) => {
    const end = start + wantedCount(part) * vocabulary;
    const rows = logits.subarray(start, end);
    start = end;
    return rows;
  });
}

/** Memory for logits, reused by all steps: what `take` gives is valid until the next call. */
export class LogitsRoom {
  #numbers = new Float32Array();

  take(size: number): Float32Array {
    if (this.#numbers.length < size) this.#numbers = new Float32Array(size);
    return this.#numbers.subarray(0, size);
  }
}
