/** How well the accelerator, computing in integers, predicts a text. */
import { setImmediate } from 'node:timers/promises';
import { InputError } from '../errors.ts';
import type { Compiled } from './compile/compile.ts';
import { logitFraction } from './compile/formats.ts';
import { describeFault, runProgram } from './functional.ts';
import { Machine } from './machine.ts';
import { bytesOfBeat, type MachineSizes } from './parameters.ts';

/** Tokens between two looks at the signal. */
const chunk = 64;

export interface ScoreOptions {
  readonly sizes: MachineSizes;
  readonly onProgress?: (done: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Reads tokens from the beginning of a sequence and hands each one's logits to `use`, which must not keep them.
 * @param compiled with logits
 * @throws InputError if the program faults; the signal's reason if it is aborted
 */
export async function runTokens(
  compiled: Compiled,
  tokens: readonly number[],
  use: (logits: Float32Array, index: number) => void,
  { sizes, onProgress, signal }: ScoreOptions,
): Promise<void> {
  const region = compiled.logits;
  if (!region) throw new InputError('the program was compiled without logits');
  const machine = new Machine(sizes, compiled.image());
  const stored = new Int32Array(
    machine.memory.buffer,
    machine.memory.byteOffset + region.address * bytesOfBeat(sizes),
    compiled.vocabulary,
  );
  const logits = new Float32Array(stored.length);
  let taken = 0;
  for (let start = 0; start < tokens.length; start += chunk) {
    signal?.throwIfAborted();
    let given = start;
    const end = Math.min(start + chunk, tokens.length);
    const halt = runProgram(machine, compiled.program, {
      next: () => (given < end ? tokens[given++] : undefined),
      take: () => {
        for (let i = 0; i < logits.length; i++) logits[i] = stored[i]! * 2 ** -logitFraction;
        use(logits, taken++);
      },
    });
    if (halt) throw new InputError(describeFault(halt.code, halt.pc));
    onProgress?.(end);
    await setImmediate();
  }
}

/** −log p of a token under logits, in nats. */
export function surprise(logits: Float32Array, token: number): number {
  let max = Number.NEGATIVE_INFINITY;
  for (const logit of logits) max = Math.max(max, logit);
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - max);
  return max + Math.log(sum) - logits[token]!;
}
