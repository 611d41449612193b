/** A model behind the accelerator's bus: loaded, run, read, cleared and started again. */
import { expect, it } from 'vitest';
import { compileModel } from '../src/accelerator/compile/model.ts';
import { runProgram } from '../src/accelerator/functional.ts';
import { Machine } from '../src/accelerator/machine.ts';
import { beatBytes } from '../src/accelerator/parameters.ts';
import { randomSlots } from '../src/accelerator/testing.ts';
import { golden } from '../test/smallModel.ts';
import { Board } from './bench/board.ts';
import { awkward } from './bench/machines.ts';
import { describeWithVerilator } from './bench/tools.ts';

/** For each step a token for each of two sequences. */
const prompt = [
  [1, 4],
  [5, 11],
  [17, 2],
];
const count = 6;

/** Generates as the functional simulator's host does: the prompt, then the tokens that come out. */
async function generate(board: Board): Promise<number[][]> {
  const steps: number[][] = [];
  for (const tokens of prompt.slice(0, -1)) await board.step(tokens);
  let last = prompt.at(-1)!;
  while (steps.length < count) {
    last = await board.step(last);
    steps.push(last);
  }
  expect(await board.end()).toBe(0);
  return steps;
}

/** The same on the functional simulator. */
function simulated(machine: Machine, program: readonly bigint[]): number[][] {
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

describeWithVerilator('the host port', { timeout: 600_000 }, () => {
  it('loads a model, runs it, reads logits and states, and starts a new sequence', async () => {
    const compiled = await compileModel(golden, { sizes: awkward });
    const { logits, states, program } = compiled;
    const machine = new Machine(awkward, compiled.image());
    const tokens = simulated(machine, program);
    const expected = (address: number, beats: number) =>
      machine.memory.subarray(address * beatBytes, (address + beats) * beatBytes);

    const board = new Board(awkward, { ...randomSlots(3, awkward.cores), jitter: 5 });
    try {
      expect(await board.sizes()).toEqual({ cores: awkward.cores, maxLength: awkward.maxLength });
      expect(await board.batch()).toBe(awkward.batch);
      board.loadProgram(program);
      await board.writeMemory(0, compiled.image());
      expect(await board.running()).toBe(false);
      board.start();
      expect(await generate(board)).toEqual(tokens);
      expect(await board.readMemory(logits!.address, logits!.beats)).toEqual(
        expected(logits!.address, logits!.beats),
      );
      expect(await board.readMemory(states.address, states.beats)).toEqual(
        expected(states.address, states.beats),
      );

      // States remain: the same prompt continues where the sequence ended, unless they are cleared.
      await board.clearMemory(states.address, states.beats);
      expect((await board.readMemory(states.address, states.beats)).every((byte) => byte === 0)).toBe(true);
      board.start();
      expect(await generate(board)).toEqual(tokens);

      // Stopped or reset in the middle of a token, with reads in flight.
      for (const stop of [() => board.halt(), () => board.reset(1), () => board.reset(4)]) {
        await board.clearMemory(states.address, states.beats);
        board.start();
        await board.offer(prompt[0]!);
        stop();
        expect(await board.running()).toBe(false);
        await board.clearMemory(states.address, states.beats);
        board.start();
        expect(await generate(board)).toEqual(tokens);
      }
    } finally {
      await board.close();
    }
  });
});
