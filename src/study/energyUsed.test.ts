import { expect, it } from 'vitest';
import { joulesOf } from './energyUsed.ts';

const { signal } = new AbortController();

it('divides what the counter moved by the rounds', async () => {
  let [joules, rounds] = [1000, 0];
  const device = { usedJoules: () => joules };
  const work = async () => {
    rounds += 1;
    joules += 3;
  };
  expect(await joulesOf(device, signal, work, 7)).toBe(3);
  expect(rounds).toBe(7);
});

it('says nothing, and does no work, where no counter is', async () => {
  const work = () => Promise.reject(new Error('worked'));
  expect(await joulesOf({}, signal, work)).toBeUndefined();
  expect(await joulesOf({ usedJoules: () => undefined }, signal, work)).toBeUndefined();
});
