/** One step over rows of several sequences: what all models that advance sequences together share. */
import { bytesOf, type Engine, type Executable, type Read } from '../engine/engine.ts';
import { InputError } from '../errors.ts';
import { embedding } from '../ops/embedding/embedding.ts';
import { sample } from '../ops/sample/sample.ts';
import { output, type Program, record } from '../program/record.ts';
import { widthOf } from '../program/shapes.ts';
import { input, type Tensor } from '../program/tensor.ts';
import { RowDraws } from './drawing.ts';
import type { RecordedModel } from './model.ts';
import { type BatchSizes, bucketOf, type PartResult, type SlotTokens } from './slotModel.ts';
import { checkTokens } from './steps.ts';

export interface RowStep {
  readonly program: Program;
  /** [1, rows] i32 */
  readonly ids: Tensor;
  /** Rows whose logits are computed, [count] i32. */
  readonly wanted: Tensor;
  /** [count, vocabulary] */
  readonly logits: Tensor | undefined;
  /** Rows after which a token is drawn, [count] i32. */
  readonly drawn: Tensor;
  readonly draws: RowDraws | undefined;
}

/** Rows of logits that a program returns, and tokens that it draws. */
export interface RowCounts {
  readonly logits: number;
  readonly draws: number;
}

/**
 * The program that reads `rows` tokens of several sequences, computes the logits of some and draws a token after some.
 * @param forward ids → hidden states after the final norm; updates the memory of the sequences
 */
export function recordRowStep(
  { architecture, weights }: RecordedModel,
  rows: number,
  counts: RowCounts,
  forward: (ids: Tensor) => Tensor,
): RowStep {
  const ids = input('ids', [1, rows], 'i32');
  const wanted = input('wanted rows', [counts.logits], 'i32');
  const drawn = input('drawn rows', [counts.draws], 'i32');
  let logits: Tensor | undefined;
  let draws: RowDraws | undefined;
  const name = `${rows} tokens of several sequences, ${counts.logits} rows of logits, ${counts.draws} tokens drawn`;
  const program = record(name, () => {
    const hidden = forward(ids);
    // Rows of a table: here the table is the hidden states.
    const headOf = (chosen: Tensor) => architecture.head(weights, embedding(chosen, hidden));
    if (counts.logits > 0) logits = output(headOf(wanted));
    if (counts.draws === 0) return;
    const drawnFrom = headOf(drawn);
    draws = new RowDraws(widthOf(drawnFrom), counts.draws);
    sample(drawnFrom, draws.state);
  });
  return { program, ids, wanted, logits, drawn, draws };
}

/** Runs a step and reads its logits into `target`. Rows beyond those of the parts are padding. */
export async function runRowStep(
  engine: Engine,
  { executable, ids, wanted, logits, drawn, draws }: RowStep & { readonly executable: Executable },
  parts: readonly SlotTokens[],
  target: Float32Array,
): Promise<PartResult[]> {
  const writePadded = (tensor: Tensor, numbers: readonly number[]) => {
    const words = new Int32Array(tensor.size);
    words.set(numbers);
    engine.write(tensor, bytesOf(words));
  };
  writePadded(
    ids,
    parts.flatMap(({ tokens }) => tokens),
  );
  const reads: Read[] = [];
  if (logits) {
    writePadded(wanted, listWanted(parts));
    reads.push({ tensor: logits, target: bytesOf(target) });
  }
  const tokens = new Int32Array(drawn.size);
  if (draws) {
    writePadded(drawn, listDrawn(parts));
    draws.write(
      engine,
      parts.flatMap(({ wanted }) => (typeof wanted === 'object' ? [wanted] : [])),
    );
    reads.push({ tensor: draws.state.tokens, target: bytesOf(tokens) });
  }
  await executable.run(reads);
  return shareResults(parts, target, logits ? widthOf(logits) : 0, tokens);
}

/** Rows that a program for these parts returns and draws, rounded up to a few sizes. */
export function countsOf(parts: readonly SlotTokens[]): RowCounts {
  const rounded = (count: number) => (count === 0 ? 0 : bucketOf(count));
  return { logits: rounded(listWanted(parts).length), draws: rounded(listDrawn(parts).length) };
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
  return typeof wanted === 'object' ? 0 : { all: tokens.length, last: 1, none: 0 }[wanted];
}

/** The rows whose logits are wanted. */
export function listWanted(parts: readonly SlotTokens[]): number[] {
  return lastRows(parts, wantedCount);
}

/** The rows after which a token is drawn. */
function listDrawn(parts: readonly SlotTokens[]): number[] {
  return lastRows(parts, ({ wanted }) => (typeof wanted === 'object' ? 1 : 0));
}

/** The last `count` rows of each part. */
function lastRows(parts: readonly SlotTokens[], count: (part: SlotTokens) => number): number[] {
  const rows: number[] = [];
  let end = 0;
  for (const part of parts) {
    end += part.tokens.length;
    for (let row = end - count(part); row < end; row++) rows.push(row);
  }
  return rows;
}

/** Cuts logits [wanted rows, vocabulary] and drawn tokens into those of each part. */
function shareResults(
  parts: readonly SlotTokens[],
  logits: Float32Array,
  vocabulary: number,
  tokens: Int32Array,
): PartResult[] {
  let [start, drawn] = [0, 0];
  return parts.map((part) => {
    const end = start + wantedCount(part) * vocabulary;
    const rows = logits.subarray(start, end);
    start = end;
    return { logits: rows, token: typeof part.wanted === 'object' ? tokens[drawn++] : undefined };
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
