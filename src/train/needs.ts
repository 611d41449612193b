/** The memory that a run needs, computed from its recorded programs before anything is allocated. */

import { planOnCpu } from '../engine/cpu/planOnCpu.ts';
import { OutOfMemoryError } from '../engine/engine.ts';
import { formatBytes } from '../format.ts';
import type { Program } from '../program/record.ts';
import type { Tensor } from '../program/tensor.ts';

export interface TrainingNeeds {
  /** Trained numbers. */
  readonly parameters: number;
  /** Bytes of weights, moments and inputs. */
  readonly variableBytes: number;
  /** Bytes of the largest program's temporaries; programs share them. */
  readonly temporaryBytes: number;
  readonly totalBytes: number;
}

export function needsOf(programs: readonly Program[], weights: readonly Tensor[]): TrainingNeeds {
  const persistent = new Set(
    programs.flatMap((program) => program.persistent().map((tensor) => tensor.storage)),
  );
  const variableBytes = sum([...persistent].map((tensor) => tensor.bytes));
  const temporaryBytes = Math.max(...programs.map((program) => planOnCpu(program).plan.peakBytes));
  return {
    parameters: sum(weights.map((tensor) => tensor.size)),
    variableBytes,
    temporaryBytes,
    totalBytes: variableBytes + temporaryBytes,
  };
}

/** @throws OutOfMemoryError with the remedy that helps: fewer tokens at a time, or a smaller model */
export function refuseIfTooLarge(needs: TrainingNeeds, limitBytes: number): void {
  if (needs.totalBytes <= limitBytes) return;
  const { variableBytes, temporaryBytes, totalBytes } = needs;
  const remedy =
    variableBytes > limitBytes / 2
      ? 'use a smaller model'
      : 'make batch or length smaller; accumulation keeps the tokens of an update';
  throw new OutOfMemoryError(
    `training needs ${formatBytes(totalBytes)}: ${formatBytes(variableBytes)} of weights and moments, ` +
      `${formatBytes(temporaryBytes)} while a step runs; found ${formatBytes(limitBytes)} at most; ${remedy}`,
  );
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, value) => total + value, 0);
}
