/** A model behind the accelerator's bus: loaded, run, read, cleared and started again. */
import { expect, it } from 'vitest';
import { assemble } from '../src/accelerator/assembler.ts';
import { compileModel } from '../src/accelerator/compile/model.ts';
import { runProgram } from '../src/accelerator/functional.ts';
import { Machine } from '../src/accelerator/machine.ts';
import { bytesOfBeat } from '../src/accelerator/parameters.ts';
import { randomSlots } from '../src/accelerator/testing.ts';
import { golden } from '../test/smallModel.ts';
import type { RtlSizes, Top } from './bench/bench.ts';
import { Board } from './bench/board.ts';
import { awkward, chip, small } from './bench/machines.ts';
import { describeWithLitedram, describeWithVerilator } from './bench/tools.ts';

/** For each step a token for each of two sequences; a machine with one slot takes the first. */
const prompts = [
  [1, 4],
  [5, 11],
  [17, 2],
];
const count = 6;

type Steps = readonly (readonly number[])[];

/** Generates as the functional simulator's host does: the prompt, then the tokens that come out. */
async function generate(board: Board, prompt: Steps): Promise<number[][]> {
  const steps: number[][] = [];
  for (const tokens of prompt.slice(0, -1)) await board.step(tokens);
  let last = prompt.at(-1)!;
  while (steps.length < count) {
    const next = await board.step(last);
    steps.push(next);
    last = next;
  }
  expect(await board.end()).toBe(0);
  return steps;
}

/** The same on the functional simulator. */
function simulated(machine: Machine, program: readonly bigint[], prompt: Steps): number[][] {
  const outputs: number[][] = [];
  let given = 0;
  const next = () => {
    if (outputs.length >= prompt.length + count - 1) return 'end';
    return prompt[given++] ?? outputs.at(-1);
  };
  const take = (token: number, slot: number) => {
    if (slot === 0) outputs.push([token]);
    else outputs.at(-1)!.push(token);
  };
  expect(runProgram(machine, program, { next, take })).toMatchObject({ code: 0 });
  return outputs.slice(prompt.length - 1);
}

type Stop = (board: Board) => void;
const halt: Stop = (board) => board.halt();
const reset =
  (cycles: number): Stop =>
  (board) =>
    board.reset(cycles);

/**
 * Loads a model, runs it, reads logits and states, and starts a new sequence.
 * @param stops ways to end a sequence in the middle of a token; each is followed by a new one
 */
async function runModel(top: Top, sizes: RtlSizes, stops: readonly Stop[]): Promise<void> {
  const prompt = prompts.map((tokens) => tokens.slice(0, sizes.batch));
  const compiled = await compileModel(golden, { sizes });
  const { logits, states, program } = compiled;
  const machine = new Machine(sizes, compiled.image());
  const tokens = simulated(machine, program, prompt);
  const beatBytes = bytesOfBeat(sizes);
  const expected = (address: number, beats: number) =>
    machine.memory.subarray(address * beatBytes, (address + beats) * beatBytes);

  const board = new Board(sizes, { ...randomSlots(3, sizes.cores), jitter: 5 }, top);
  try {
    expect(await board.sizes()).toEqual({ cores: sizes.cores, maxLength: sizes.maxLength });
    expect(await board.batch()).toBe(sizes.batch);
    board.loadProgram(program);
    await board.writeMemory(0, compiled.image());
    expect(await board.running()).toBe(false);
    board.start();
    expect(await generate(board, prompt)).toEqual(tokens);
    expect(await board.readMemory(logits!.address, logits!.beats)).toEqual(
      expected(logits!.address, logits!.beats),
    );
    expect(await board.readMemory(states.address, states.beats)).toEqual(
      expected(states.address, states.beats),
    );

    for (const stop of stops) {
      board.start();
      await board.offer(prompt[0]!);
      stop(board);
      expect(await board.running()).toBe(false);
      // States remain: the same prompt continues where the sequence ended, unless they are cleared.
      await board.clearMemory(states.address, states.beats);
      expect((await board.readMemory(states.address, states.beats)).every((byte) => byte === 0)).toBe(true);
      board.start();
      expect(await generate(board, prompt)).toEqual(tokens);
    }
  } finally {
    await board.close();
  }
}

/** Generates a draft, then takes it back: what follows is as if it had not been. */
async function rejectDraft(sizes: RtlSizes): Promise<void> {
  const compiled = await compileModel(golden, { sizes });
  const { states, program } = compiled;
  const machine = new Machine(sizes, compiled.image());
  const [prompt, draft] = [prompts.map(([token]) => [token!]), [[9], [3]]];
  const board = new Board(sizes, randomSlots(3, sizes.cores), 'pm_on_chip');
  const read = () => board.readMemory(states.address, states.beats);
  try {
    board.loadProgram(program);
    await board.writeMemory(0, compiled.image());
    board.start();
    expect(await generate(board, prompt)).toEqual(simulated(machine, program, prompt));
    const before = await read();
    board.start();
    await generate(board, draft);
    expect(await read()).not.toEqual(before);
    await board.writeMemory(states.address, before);
    board.start();
    expect(await generate(board, prompt)).toEqual(simulated(machine, program, prompt));
  } finally {
    await board.close();
  }
}

/** Adds numbers that the host left in memory to the row of a token, in beats of four elements. */
const sum = assemble(`
token:
  tin done
  lde v0, 16, len=16
  ldv v1, 0, len=16
  add v0, v0, v1, len=16
  sv v0, 4, len=16
  tout
  jmp token
done:
  halt
`);

describeWithVerilator('a model loaded and run by a host', { timeout: 600_000 }, () => {
  it('at the host port, three cores, two sequences', () =>
    runModel('pm_accelerator', awkward, [halt, reset(1), reset(4)]));

  it('with all memory on the chip', () => runModel('pm_on_chip', chip, [reset(1)]));

  it('which reads states before a draft, and writes them back', () => rejectDraft(chip));

  it('through AXI, on another clock, from a memory that answers in any order', () =>
    runModel('pm_axi', small, [halt]));

  it('over the serial line of a ULX3S: a short program', async () => {
    const board = new Board(chip, randomSlots(1, 1), 'pm_ulx3s');
    try {
      expect(await board.sizes()).toEqual({ cores: 1, maxLength: chip.maxLength });
      board.loadProgram(sum);
      await board.writeMemory(0, new Uint8Array(Int32Array.from({ length: 16 }, (_, i) => 1000 * i).buffer));
      await board.writeMemory(20, new Uint8Array(Int16Array.from({ length: 16 }, (_, i) => -i).buffer));
      board.start();
      expect(await board.step([2])).toEqual([2 ** 32 - 1]); // no product: nothing is greatest
      expect(await board.end()).toBe(0);
      const found = new Int32Array((await board.readMemory(4, 4)).buffer);
      expect(Array.from(found)).toEqual(Array.from({ length: 16 }, (_, i) => 999 * i));
    } finally {
      await board.close();
    }
  });
});

describeWithLitedram('a model loaded and run by a host', { timeout: 600_000 }, () => {
  // The model of the chips reports every command that comes too early, which ends the test.
  it('through AXI, from DDR3 chips behind the controller that LiteDRAM generates', () =>
    runModel('pm_ddr3', small, [halt]));
});
