/** The functional simulator: a program's results without time. */
import { InputError } from '../errors.ts';
import { type Host, tokensOf } from './host.ts';
import { decode } from './instructionSet.ts';
import { type FaultCode, faults, type Machine } from './machine.ts';
import type { MachineSizes } from './parameters.ts';

/** Where and why a program stopped, after how many instructions. */
export interface FunctionalHalt {
  readonly code: FaultCode;
  readonly pc: number;
  readonly instructions: number;
}

/**
 * Runs a program on a machine until it halts, or until the host has no token when `tin` asks for one.
 * @param options.onChecksum receives what the trace's R lines hold, in program order
 * @throws InputError if more than `maxInstructions` are executed
 */
export function runProgram(
  machine: Machine,
  program: readonly bigint[],
  host: Host,
  options: {
    readonly onChecksum?: (pc: number, checksum: number) => void;
    readonly maxInstructions?: number;
  } = {},
): FunctionalHalt | undefined {
  const { maxInstructions = Number.POSITIVE_INFINITY, onChecksum } = options;
  const lines = program.map((word) => decode(word));
  const streamBeats = () =>
    Array.from({ length: machine.sizes.cores }, (_, core) => machine.beatsAhead(core));
  let pc = 0;
  for (let count = 0; count < maxInstructions; count++) {
    const halt = (code: FaultCode) => ({ code, pc, instructions: count });
    if (pc >= machine.sizes.rom) return halt(5);
    const instruction = lines[pc];
    // Words behind the program are 0, which is not an instruction.
    if (!instruction) return halt(1);
    const fault = machine.faultOf(instruction);
    if (fault) return halt(fault);
    const { name, unit } = instruction.operation;
    if (name === 'halt') return halt(0);
    if (unit === 'tmv' && !enoughWeights(instruction.fields, streamBeats(), machine.sizes)) return halt(4);
    let next = pc + 1;
    if (name === 'jmp') next = instruction.fields.target!;
    else if (name === 'tout') machine.outputs.forEach((token, slot) => host.take(token, slot));
    else if (name === 'tin') {
      const token = host.next();
      if (token === undefined) return undefined;
      if (token === 'end') next = instruction.fields.target!;
      else machine.read(tokensOf(token));
    } else if (name !== 'nop') {
      const checksum = machine.execute(instruction);
      if (checksum !== undefined) onChecksum?.(pc, checksum);
    }
    pc = next;
  }
  throw new InputError(`the program did not halt within ${maxInstructions} instructions`);
}

/** Whether every core's streams hold the beats of a product. */
function enoughWeights(
  fields: Readonly<Record<string, number>>,
  beats: readonly number[],
  { lanes, columns }: MachineSizes,
): boolean {
  const blocks = Math.ceil(fields.rows! / lanes);
  const width = Math.ceil(fields.cols! / columns);
  return beats.every((ahead, core) => ahead >= Math.ceil(Math.max(0, blocks - core) / beats.length) * width);
}

/** A fault in words, for people. */
export function describeFault(code: FaultCode, pc: number): string {
  return code === 0 ? 'halted' : `fault ${code} at pc ${pc}: ${faults[code]}`;
}
