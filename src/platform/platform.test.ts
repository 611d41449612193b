import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import * as browser from './browser.ts';
import * as node from './node.ts';
import type { Platform } from './platform.ts';

// The annotation is half of the test: both sides must have every function with the right types.
const sides: readonly (readonly [string, Platform])[] = [
  ['node', node],
  ['browser', browser],
];

test('Node and browser offer the same', () => {
  expect(Object.keys(browser).toSorted()).toEqual(Object.keys(node).toSorted());
});

test.each(sides)('%s: waiting events are heard between two computations', async (_, platform) => {
  let heard = false;
  setTimeout(0).then(() => {
    heard = true;
  });
  for (let computed = 0; computed < 10_000 && !heard; computed++) await platform.letEventsIn();
  expect(heard).toBe(true);
});

test.each(sides)('%s: answers and refusals of a GPU come as they are', async (_, platform) => {
  await expect(platform.awaitPatiently(Promise.resolve(3))).resolves.toBe(3);
  await expect(platform.awaitPatiently(Promise.reject(new Error('lost')))).rejects.toThrow('lost');
  const two = [platform.awaitPatiently(setTimeout(5, 'a')), platform.awaitPatiently(setTimeout(9, 'b'))];
  expect(await Promise.all(two)).toEqual(['a', 'b']);
});

test('node: a long wait for a GPU is one of few turns of the event loop', async () => {
  let turns = 0;
  const count = () => {
    turns++;
    counting = setImmediate(count);
  };
  let counting = setImmediate(count);
  const start = performance.now();
  await node.awaitPatiently(setTimeout(200));
  const milliseconds = performance.now() - start;
  clearImmediate(counting);
  // Ten in a millisecond, besides the first two milliseconds; without patience they are some hundred.
  expect(turns).toBeLessThan(10 * milliseconds + 5000);
});
