/** A model behind the accelerator's bus: loaded, run, read, cleared and started anew. */
import { expect, it } from 'vitest';
import { compileModel } from '../src/accelerator/compile/model.ts';
import { runProgram } from '../src/accelerator/functional.ts';
import { GreedyHost } from '../src/accelerator/host.ts';
import { Machine } from '../src/accelerator/machine.ts';
import { beatBytes } from '../src/accelerator/parameters.ts';
import { randomSlots } from '../src/accelerator/testing.ts';
import { golden } from '../test/smallModel.ts';
import { Board } from './bench/board.ts';
import { awkward } from './bench/machines.ts';
import { describeWithVerilator } from './bench/tools.ts';

const prompt = [1, 5, 17];
const count = 6;

/** Generates as the functional simulator's host does: the prompt, then each token that comes out. */
async function generate(board: Board): Promise<number[]> {
  const tokens: number[] = [];
  for (const token of prompt.slice(0, -1)) await board.step(token);
  let last = prompt.at(-1)!;
  while (tokens.length < count) {
    last = await board.step(last);
    tokens.push(last);
  }
  expect(await board.end()).toBe(0);
  return tokens;
}

describeWithVerilator('the host port', { timeout: 600_000 }, () => {
  it('loads a model, runs it, reads logits and states, and starts a new sequence', async () => {
    const compiled = await compileModel(golden, { sizes: awkward });
    const { logits, states, program } = compiled;
    const machine = new Machine(awkward, compiled.image());
    const host = new GreedyHost(prompt, count);
    expect(runProgram(machine, program, host)).toMatchObject({ code: 0 });
    const expected = (address: number, beats: number) =>
      machine.memory.subarray(address * beatBytes, (address + beats) * beatBytes);

    const board = new Board(awkward, { ...randomSlots(3, awkward.cores), jitter: 5 });
    try {
      expect(await board.sizes()).toEqual({ cores: awkward.cores, maxLength: awkward.maxLength });
      board.loadProgram(program);
      await board.writeMemory(0, compiled.image());
      expect(await board.running()).toBe(false);
      board.start();
      expect(await generate(board)).toEqual(host.generated);
      expect(await board.readMemory(logits!.address, logits!.beats)).toEqual(
        expected(logits!.address, logits!.beats),
      );
      expect(await board.readMemory(states.address, states.beats)).toEqual(
        expected(states.address, states.beats),
      );

      // States remain: the same prompt goes on where the sequence ended, unless they are cleared.
      await board.clearMemory(states.address, states.beats);
      expect((await board.readMemory(states.address, states.beats)).every((byte) => byte === 0)).toBe(true);
      board.start();
      expect(await generate(board)).toEqual(host.generated);

      // Stopped or reset in the middle of a token, with reads in flight.
      for (const stop of [() => board.halt(), () => board.reset(1), () => board.reset(4)]) {
        await board.clearMemory(states.address, states.beats);
        board.start();
        await board.offer(prompt[0]!);
        stop();
        expect(await board.running()).toBe(false);
        await board.clearMemory(states.address, states.beats);
        board.start();
        expect(await generate(board)).toEqual(host.generated);
      }
    } finally {
      await board.close();
    }
  });
});
