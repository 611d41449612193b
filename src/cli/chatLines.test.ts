import { EventEmitter } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { collect } from '../text/testing.ts';
import { pastedTogether } from './chatLines.ts';

it('lines that arrive together are one message, others are messages of their own', async () => {
  const lines = new EventEmitter();
  const messages = collect(pastedTogether(lines as never));
  for (const line of ['one', 'two', 'three']) lines.emit('line', line);
  await setTimeout(60);
  lines.emit('line', 'four');
  lines.emit('close');
  expect(await messages).toEqual(['one\ntwo\nthree', 'four']);
});
