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
  setTimeout(() => {
    heard = true;
  }, 0);
  for (let computed = 0; computed < 10_000 && !heard; computed++) await platform.letEventsIn();
  expect(heard).toBe(true);
});
