/** `plusminus accelerator` as a hardware engineer meets it: child processes, files, exit codes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mobyDick } from '../src/text/testing.ts';
import { makeSmallModel, type SmallModel } from './smallModel.ts';

const program = join(import.meta.dirname, '../bin/plusminus.js');

async function accelerator(...args: readonly string[]) {
  const child = spawn(process.execPath, [program, 'accelerator', ...args]);
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const [code] = await once(child, 'close');
  return { code: code as number, stdout, stderr };
}

/** One line that says what is wrong, no stack, exit code 1. */
async function expectRefusal(args: readonly string[], message: RegExp): Promise<void> {
  const { code, stdout, stderr } = await accelerator(...args);
  expect(stderr).toMatch(message);
  expect(stderr).toMatch(/^plusminus: [^\n]+\n$/);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
}

let small: SmallModel;
let folder: string;
const at = (name: string) => join(folder, name);

beforeAll(async () => {
  [small, folder] = await Promise.all([
    makeSmallModel(),
    fs.mkdtemp(join(tmpdir(), 'plusminus-accelerator-')),
  ]);
});
afterAll(async () => {
  await small?.remove();
  if (folder) await fs.rm(folder, { recursive: true, force: true });
});

describe('plusminus accelerator', { timeout: 60_000 }, () => {
  it('compiles a model, runs it with and without cycles, and draws when units were busy', async () => {
    const made = await accelerator('compile', small.folder, '--out', at('chip'), '--cores', '2', '--json');
    expect(made).toMatchObject({ code: 0 });
    const { instructions } = JSON.parse(made.stdout) as { instructions: number };
    const run = ['simulate', at('chip'), '--tokens', '5,6', '--count', '4', '--json'];
    const drawing = ['--trace', at('trace.txt'), '--timeline', at('timeline.svg'), '--window', '100-2000'];
    const [timed, functional] = await Promise.all([
      accelerator(...run, ...drawing),
      accelerator(...run, '--functional'),
    ]);
    const { tokens, halt, statistics } = JSON.parse(timed.stdout);
    expect(tokens).toHaveLength(4);
    expect(JSON.parse(functional.stdout).tokens).toEqual(tokens);
    expect(halt.code).toBe(0);
    expect(statistics.instructions).toBeGreaterThan(instructions * 4);
    const trace = (await fs.readFile(at('trace.txt'), 'utf8')).trim().split('\n');
    expect(trace.filter((line) => line.startsWith('O '))).toHaveLength(5);
    expect(trace.at(-1)).toBe(`H ${halt.cycle} 0 ${halt.pc}`);
    const figure = await fs.readFile(at('timeline.svg'), 'utf8');
    expect(figure).toMatch(/^<svg /);
    expect(figure).toMatch(/>ternary, [\d.]+ %</);
  });

  it('does what docs/accelerator.md shows', async () => {
    const docs = await fs.readFile(join(import.meta.dirname, '../docs/accelerator.md'), 'utf8');
    const block = (language: string) => new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``).exec(docs)![1]!;
    await fs.writeFile(at('program.s'), block('asm'));
    let text = '';
    for await (const piece of mobyDick(1)) text += piece;
    await fs.writeFile(at('held-out.txt'), text.slice(0, 500));
    const commands = block('sh').trim().split('\n');
    expect(commands.length).toBeGreaterThan(5);
    for (const command of commands) {
      const [, ...args] = command.replace(/ *#.*/, '').split(/ +/).slice(1);
      expect(args.shift()).toBe('accelerator');
      if (args[0] === 'report') continue; // it takes long: rtl/report.test.ts runs it
      const files = /^(?:[\w-]+\/)?[\w-]+\.(?:s|mem|svg|txt)$|^runs\//;
      const here = args.map((arg) =>
        arg === 'runs/demo' ? small.folder : files.test(arg) ? at(arg.replace('/', '-')) : arg,
      );
      const { code, stderr } = await accelerator(...here);
      expect(code, `${command}\n${stderr}`).toBe(0);
    }
    const { code, stdout } = await accelerator('simulate', at('program.s'), '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ halt: { code: 0 }, tokens: [0] });
  });

  it('disassembles what it assembled', async () => {
    await fs.writeFile(at('one.s'), 'begin: mov v1, v2, len=17, max=s3\n jmp begin\n.word 0x123\n');
    await accelerator('assemble', at('one.s'), '--out', at('one.mem'));
    const { stdout: text } = await accelerator('disassemble', at('one.mem'));
    expect(text).toContain('mov v1, v2, max=s3, len=17');
    await fs.writeFile(at('two.s'), text);
    const { stdout } = await accelerator('assemble', at('two.s'));
    expect(stdout).toBe(await fs.readFile(at('one.mem'), 'utf8'));
  });

  it('finds the same perplexity in integers as in floats', async () => {
    let text = '';
    for await (const piece of mobyDick(1)) text += piece;
    await fs.writeFile(at('text.txt'), text);
    const args = ['--model', small.folder, '--data', at('text.txt'), '--tokens', '300', '--threads', '0'];
    const { stdout } = await accelerator('perplexity', ...args, '--out', at('perplexity'), '--json');
    const { tokens, float, accelerator: integer, difference } = JSON.parse(stdout);
    expect(tokens).toBe(300);
    expect(difference).toBe(integer / float - 1);
    // Random weights amplify what rounding does; a trained model stays within 0.5 %.
    expect(Math.abs(difference)).toBeLessThan(0.05);
    expect(await fs.readFile(at('perplexity.md'), 'utf8')).toContain(integer.toFixed(4));
    expect(JSON.parse(await fs.readFile(at('perplexity.json'), 'utf8'))).toMatchObject({ tokens, float });
  });

  it('halts with a fault code on an illegal instruction', async () => {
    await fs.writeFile(at('illegal.mem'), '0400000000000000\n00000000000000ff\n');
    const { code, stdout } = await accelerator('simulate', at('illegal.mem'));
    expect(code).toBe(1);
    expect(stdout).toContain('fault 1 at pc 1: illegal instruction');
  });
});

describe('what plusminus accelerator refuses', { timeout: 60_000 }, () => {
  it('assembly and images that are damaged', async () => {
    await fs.writeFile(at('wrong.s'), 'nop\n  add v9, v1, v2, len=3\n');
    await expectRefusal(['assemble', at('wrong.s')], /wrong\.s:2:7: found v9, expected v0 to v7/);
    await fs.writeFile(at('wrong.mem'), '0400000000000000\nxyz\n');
    await expectRefusal(['disassemble', at('wrong.mem')], /wrong\.mem:2: found "xyz", expected 16 hex/);
    await fs.writeFile(at('odd.bin'), new Uint8Array(65));
    await fs.writeFile(at('nop.s'), 'halt\n');
    await expectRefusal(
      ['simulate', at('nop.s'), '--dram', at('odd.bin')],
      /found 65 bytes, expected whole beats/,
    );
    await expectRefusal(['simulate', at('nowhere')], /nowhere: cannot be read/);
  });

  it('what does not fit the machine', async () => {
    await fs.writeFile(at('long.s'), 'nop\n'.repeat(20));
    await expectRefusal(
      ['simulate', at('long.s'), '--rom', '10'],
      /found 20 instructions, expected at most 10/,
    );
    await expectRefusal(
      ['compile', small.folder, '--out', at('x'), '--max-length', '64'],
      /a vector of 96 elements, expected at most 64 \(a vector register\)/,
    );
    await expectRefusal(['compile', small.folder, '--out', at('x'), '--rom', '50'], /expected at most 50/);
  });

  it('models of another kind', async () => {
    const llama = join(import.meta.dirname, 'fixtures/golden/llama-tiny');
    await expectRefusal(['compile', llama, '--out', at('x')], /found "llama", expected "hgrn_bit"/);
  });
});
