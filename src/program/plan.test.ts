import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Call, cost, type Op, type Operands, present, type Tensors } from './op.ts';
import { aligned, planMemory } from './plan.ts';
import { assign, emit, output, type Program, record, recording, transient } from './record.ts';
import { input, part, Tensor, variable } from './tensor.ts';

/** Sizes of the scratch that an engine's kernels use for each call. */
const scratchTensors = new WeakMap<Call, Tensor>();
const scratchOf = (call: Call) => [scratchTensors.get(call)].filter((tensor) => tensor !== undefined);

/** An op without meaning: any inputs, one output, scratch; in place over its first input if it may be. */
function toy(inputs: readonly Tensor[], size: number, { inPlace = false, scratch = 0 } = {}): Tensor {
  const op: Op<Operands, Tensors<'y'>> = {
    name: 'toy',
    ...(inPlace ? { inPlace: { y: 'x0' } } : {}),
    outputs: () => ({ y: { shape: [size] } }),
    cost: (call) => cost(call, {}),
    reference() {},
  };
  const { y } = emit(op, Object.fromEntries(inputs.map((tensor, n) => [`x${n}`, tensor])));
  const call = recording().calls.at(-1)!;
  if (scratch) scratchTensors.set(call, new Tensor('temporary', 'f32', [scratch], 's'));
  return y;
}

/** Random programs: each call reads some earlier results and may write over one. */
const programs = fc
  .array(
    fc.record({
      reads: fc.array(fc.nat(1000), { minLength: 1, maxLength: 3 }),
      size: fc.integer({ min: 1, max: 300 }),
      inPlace: fc.boolean(),
      scratch: fc.nat(200),
      keep: fc.boolean(),
    }),
    { minLength: 1, maxLength: 40 },
  )
  .map((calls) =>
    record('random', () => {
      const made: Tensor[] = [input('x', [64])];
      for (const { reads, size, inPlace, scratch, keep } of calls) {
        const y = toy(
          reads.map((r) => made[r % made.length]!),
          size,
          { inPlace, scratch },
        );
        made.push(y);
        if (keep) output(y);
      }
    }),
  );

/** Lines between which a temporary's content is needed: from the call that makes it to its last reader. */
function lifetimes(program: Program): Map<Tensor, [first: number, last: number]> {
  const found = new Map<Tensor, [number, number]>();
  program.calls.forEach((call, line) => {
    for (const tensor of [...present(call.outputs), ...scratchOf(call)]) found.set(tensor, [line, line]);
    for (const tensor of present(call.inputs)) if (found.has(tensor)) found.get(tensor)![1] = line;
  });
  for (const tensor of program.outputs) found.get(tensor)![1] = program.calls.length;
  return found;
}

describe('planMemory', () => {
  it('never lets two temporaries that are needed at once share bytes, but for in-place pairs', () => {
    fc.assert(
      fc.property(programs, (program) => {
        const { offsets, peakBytes } = planMemory(program, { scratchOf });
        const live = [...lifetimes(program)];
        for (const [i, [a, [firstA, lastA]]] of live.entries()) {
          expect(offsets.get(a)! + aligned(a.bytes)).toBeLessThanOrEqual(peakBytes);
          for (const [b, [firstB, lastB]] of live.slice(i + 1)) {
            const [startA, startB] = [offsets.get(a)!, offsets.get(b)!];
            const apart = startA + a.bytes <= startB || startB + b.bytes <= startA;
            const sameCall = Math.max(firstA, firstB) === Math.min(lastA, lastB);
            const overlap = firstA <= lastB && firstB <= lastA;
            if (apart || !overlap) continue;
            // They meet in one call only, where one is written over the other, from the same start.
            expect(sameCall && startA === startB, `${a} and ${b} share bytes`).toBe(true);
            const call = program.calls[Math.max(firstA, firstB)]!;
            const [older, younger] = firstA < firstB ? [a, b] : [b, a];
            expect(call.op.inPlace).toBeDefined();
            expect(present(call.outputs)).toContain(younger);
            expect(present(call.inputs).filter((tensor) => tensor === older)).toHaveLength(1);
            expect(program.outputs.has(older)).toBe(false);
          }
        }
      }),
      { numRuns: 300, seed: 1 },
    );
  });

  it('needs no more than the largest sum of neighbours in a chain', () => {
    const program = record('chain', () => {
      let x: Tensor = input('x', [64]);
      for (let i = 0; i < 20; i++) x = toy([x], 64);
      output(x);
    });
    expect(planMemory(program).peakBytes).toBe(2 * aligned(256));
  });

  it('writes in place through a chain of ops that allow it', () => {
    const program = record('chain', () => {
      let x = toy([input('x', [64])], 64);
      for (let i = 0; i < 20; i++) x = toy([x], 64, { inPlace: true });
      output(x);
    });
    expect(planMemory(program).peakBytes).toBe(aligned(256));
  });

  it('counts each variable and input once', () => {
    const state = variable('state', [100]);
    const program = record('assign', () => {
      assign(state, toy([toy([state, input('x', [3])], 100)], 100));
    });
    expect(planMemory(program).persistentBytes).toBe(aligned(400) + aligned(12));
  });

  it('places transient variables among temporaries, from the first use of a part to the end', () => {
    const whole = variable('whole', [256]);
    const [early, late] = [part(whole, 0, [128], 'early'), part(whole, 128, [128], 'late')];
    const program = record('transient', () => {
      transient(whole);
      const large = toy([input('x', [64])], 512);
      const small = toy([large], 64);
      assign(early, toy([small], 128));
      const between = toy([small], 32);
      assign(late, toy([between], 128));
      output(toy([part(whole, 0, [256], 'all')], 1));
    });
    const { offsets, peakBytes, persistentBytes } = planMemory(program, { placesTransient: true });
    const [large, small, , between] = program.calls.map(({ outputs }) => outputs.y!);
    const rangeOf = (tensor: Tensor) => [offsets.get(tensor)!, offsets.get(tensor)! + tensor.bytes] as const;
    const areApart = (a: Tensor, b: Tensor) =>
      rangeOf(a)[1] <= rangeOf(b)[0] || rangeOf(b)[1] <= rangeOf(a)[0];
    expect(areApart(whole, between!) && areApart(whole, small!)).toBe(true);
    expect(areApart(whole, large!), 'memory that is free by then is used again').toBe(false);
    expect(peakBytes).toBeLessThan(whole.bytes + large!.bytes + between!.bytes);
    expect(persistentBytes).toBe(aligned(256));
    expect(planMemory(program).persistentBytes).toBe(aligned(256) + aligned(whole.bytes));
    expect(planMemory(program).offsets.has(whole)).toBe(false);
  });

  it('refuses to read a variable after it was assigned', () => {
    const state = variable('state', [8]);
    const program = record('late read', () => {
      assign(state, toy([state], 8));
      output(toy([state], 8));
    });
    expect(() => planMemory(program)).toThrow(/line 1: toy reads state after it was assigned/);
  });

  it('refuses two assignments of one variable', () => {
    const state = variable('state', [8]);
    const program = record('twice', () => {
      const x = toy([input('x', [8])], 8);
      assign(state, x);
      assign(state, toy([x], 8));
    });
    expect(() => planMemory(program)).toThrow(/state is assigned twice/);
  });
});

describe('record', () => {
  it('refuses ops outside a recording, and nesting', () => {
    expect(() => toy([input('x', [1])], 1)).toThrow(/outside record/);
    expect(() => record('outer', () => record('inner', () => {}))).toThrow(/already recording outer/);
    expect(() => record('after a failure', () => {})).not.toThrow();
  });
});
