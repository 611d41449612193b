/**
 * What every rank of the test of the collectives runs: random cases, the same on all ranks, each held to its
 * definition in plain loops. Rank 0 prints how many cases held.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { joinRanks } from '../ranks/join.ts';
import { sumTree } from './group.ts';

const group = (await joinRanks())!;
const { rank, size } = group;

/** What rank `r` brings to a case: decided by the case, so that every rank knows what the others have. */
const broughtBy = (r: number, length: number, seed: number) =>
  Float32Array.from({ length }, (_, i) =>
    Math.fround(Math.sin(seed + 13 * i + 1000 * r) * 10 ** ((i + r) % 5)),
  );
const all = (length: number, seed: number) =>
  Array.from({ length: size }, (_, r) => broughtBy(r, length, seed));
/** In memory shared with threads, as the CPU engine's is, or in the process's own. */
const placed = (numbers: Float32Array, shared: boolean) => {
  if (!shared) return numbers;
  const array = new Float32Array(new SharedArrayBuffer(numbers.byteLength + 64), 64);
  array.set(numbers);
  return array;
};
const own = <T extends ArrayLike<number>>(array: T, part: number) =>
  Array.prototype.slice.call(array, rank * part, (rank + 1) * part);
const addFloats = (a: number, b: number) => Math.fround(a + b);

const lengths = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 30_000 }));
const cases = { length: lengths, seed: fc.integer({ min: 0, max: 1e6 }), shared: fc.boolean() };
let held = 0;
const property = (check: (length: number, seed: number, shared: boolean) => Promise<void>) =>
  fc.assert(
    fc.asyncProperty(cases.length, cases.seed, cases.shared, async (...args) => {
      await check(...args);
      held++;
    }),
    { numRuns: 6, seed: 20, endOnFailure: true },
  );

await property(async (length, seed, shared) => {
  const numbers = placed(broughtBy(rank, length, seed), shared);
  await group.reduce(numbers, 'sum');
  const terms = all(length, seed);
  numbers.forEach((value, i) => {
    const exact = terms.reduce((sum, term) => sum + term[i]!, 0);
    const magnitude = terms.reduce((sum, term) => sum + Math.abs(term[i]!), 0);
    assert.ok(
      Math.abs(value - exact) <= magnitude * size * 2 ** -24,
      `sum ${i}: ${value}, expected ${exact}`,
    );
  });
});

for (const [by, pick] of [
  ['max', Math.max],
  ['min', Math.min],
] as const) {
  await property(async (length, seed) => {
    const floats = broughtBy(rank, length, seed);
    const integers = Int32Array.from(floats);
    const doubles = Float64Array.from(floats, (value) => value / 3);
    for (const numbers of [floats, integers, doubles]) await group.reduce(numbers, by);
    const terms = all(length, seed);
    const expected = Float32Array.from({ length }, (_, i) => pick(...terms.map((term) => term[i]!)));
    assert.deepEqual(floats, expected);
    assert.deepEqual(integers, Int32Array.from(expected));
    assert.deepEqual(
      doubles,
      Float64Array.from(expected, (value) => value / 3),
    );
  });
}

await property(async (part, seed, shared) => {
  const numbers = placed(broughtBy(rank, part * size, seed), shared);
  await group.reducePartsInOrder(numbers);
  const terms = all(part * size, seed);
  const expected = Float32Array.from({ length: part * size }, (_, i) =>
    sumTree(
      terms.map((term) => term[i]!),
      addFloats,
    ),
  );
  assert.deepEqual(own(numbers, part), own(expected, part), 'the bits of the tree');
  await group.gatherParts(numbers);
  assert.deepEqual(Array.from(numbers), Array.from(expected), 'the parts of all ranks');
});

await property(async (part, seed, shared) => {
  const inOrder = broughtBy(rank, part * size, seed);
  const numbers = placed(inOrder.slice(), shared);
  await group.reducePartsInOrder(inOrder);
  await group.reduceParts(numbers);
  const terms = all(part * size, seed);
  own(numbers, part).forEach((value: number, i: number) => {
    const magnitude = terms.reduce((sum, term) => sum + Math.abs(term[rank * part + i]!), 0);
    const difference = Math.abs(value - inOrder[rank * part + i]!);
    assert.ok(difference <= magnitude * size * 2 ** -23, `part ${i} differs by ${difference}`);
  });
});

await property(async (length, seed, shared) => {
  const root = seed % size;
  const numbers = placed(broughtBy(rank, length, seed), shared);
  await group.broadcast(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength), root);
  assert.deepEqual(Array.from(numbers), Array.from(broughtBy(root, length, seed)));
});

await property(async (length, seed) => {
  const say = (r: number) => ({ rank: r, words: 'add and subtract ±'.repeat((length * (r + 1)) % 7), seed });
  assert.deepEqual(
    await group.gather(say(rank)),
    Array.from({ length: size }, (_, r) => say(r)),
  );
});

// Calls that are started together run in order, while this thread continues.
let turns = 0;
const turning = setInterval(() => turns++, 1);
const many = Array.from({ length: 20 }, (_, k) => Float32Array.of(k, rank));
await Promise.all([...many.map((numbers) => group.reduce(numbers, 'sum')), group.barrier()]);
if (rank === 1) await new Promise((resolve) => setTimeout(resolve, 100));
await group.barrier(); // rank 0 waits for rank 1 in here
await group.rest();
clearInterval(turning);
assert.deepEqual(
  many.map(([k]) => k),
  Array.from(many, (_, k) => k * size),
);
assert.ok(turns > 10, 'the calling thread was free while MPI waited');

const onHost = group.hosts.flatMap((host, r) => (host === group.hosts[rank] ? [r] : []));
assert.equal(group.local.size, onHost.length, 'ranks of this host');
assert.equal(group.local.rank, onHost.indexOf(rank));
const total = Int32Array.of(held);
await group.reduce(total, 'min');
if (rank === 0)
  console.log(
    `${total[0]} cases held on ${size} ranks of ${group.description}, hosts: ${new Set(group.hosts).size}`,
  );
await group.leave();
