import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { product } from '../../../test/productOf.ts';
import { fusingFlag } from '../../platform/fusing.ts';

const run = promisify(execFile);
const script = fileURLToPath(new URL('../../../test/productOf.ts', import.meta.url));

// V8 does the fusing, behind an experimental flag: its results must equal those without it.
it('gives the same products in a Node that fuses vectors to 256 bits', async () => {
  const { stdout } = await run(process.execPath, [fusingFlag, script]);
  const { description, values } = JSON.parse(stdout) as { description: string; values: number[] };
  expect(description).toMatch(/vectors fused/);
  const expected = await product();
  expect(expected.description).not.toMatch(/vectors fused/);
  expect(values).toEqual(expected.values);
});
