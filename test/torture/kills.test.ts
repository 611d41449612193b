/** kill -9 at random moments of every writer: no write that was reported done is lost, and the next process continues. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { SafetensorsFile } from '../../src/checkpoint/safetensors.ts';
import { temporaryFolder } from '../../src/checkpoint/testing.ts';
import { ScoresFile } from '../../src/evaluate/scoresFile.ts';
import { SeededRandom } from '../../src/text/seededRandom.ts';
import { TextTokenizer } from '../../src/text/tokenizer.ts';
import { TokenMix } from '../../src/text/tokenMix.ts';
import { holdsRun } from '../../src/train/runFile.ts';
import { savedStep } from '../../src/train/trainingState.ts';
import { budget, record, seed } from './budget.ts';

const writer = join(import.meta.dirname, 'writer.ts');

/** Checks what is there after a kill. Returns the last write that can be found; -1: none. */
type Check = (folder: string, reported: number) => Promise<number>;

const checks: Record<string, Check> = {
  train: async (folder) => {
    if (!(await holdsRun(folder))) return -1;
    const step = await savedStep(folder);
    await (await SafetensorsFile.open(join(folder, `optimizer-${step}.safetensors`))).close();
    return step;
  },
  checkpoint: async (folder) => wholeTensor(join(folder, 'w.safetensors')),
  convert: async (folder) => {
    // A crash between two renames leaves the old folder under another name, as documented.
    const names = ['model', 'model.previous'].filter((name) => existsSync(join(folder, name)));
    const found = names.map((name) => wholeTensor(join(folder, name, 'model.safetensors')));
    return Math.max(-1, ...(await Promise.all(found)));
  },
  shards: async (folder) => {
    const names = (await readdir(folder)).filter((name) => /^shards-\d+$/.test(name));
    for (const name of names.slice(-2)) await (await TokenMix.open(join(folder, name))).close();
    return Math.max(-1, ...names.map((name) => Number(name.slice(7))));
  },
  tokenizer: async (folder) => {
    if (!existsSync(join(folder, 'tokenizer_config.json'))) return -1;
    await TextTokenizer.load(folder);
    return JSON.parse(await readFile(join(folder, 'tokenizer_config.json'), 'utf8')).model_max_length;
  },
  scores: async (folder, reported) => {
    const file = await ScoresFile.open(join(folder, 'scores.jsonl'));
    try {
      for (let n = 0; n <= reported; n++) if (!file.find(`key ${n}`)) return n - 1;
      return reported;
    } finally {
      await file.close();
    }
  },
};

async function wholeTensor(path: string): Promise<number> {
  if (!existsSync(path)) return -1;
  const file = await SafetensorsFile.open(path);
  try {
    const numbers = new Float32Array((await file.read('w')).slice().buffer);
    expect(numbers.every((x) => x === numbers[0])).toBe(true);
    return numbers[0]!;
  } finally {
    await file.close();
  }
}

interface Killed {
  /** The last write that the process said it had done. */
  readonly reported: number;
  /** Set if the process ended by itself: it could not continue from what the one before left. */
  readonly failure: string | undefined;
}

/** @param delay milliseconds from its first word to its death */
function killAfter(kind: string, folder: string, first: number, delay: number): Promise<Killed> {
  const child: ChildProcess = spawn(process.execPath, [writer, kind, folder, String(first)]);
  let [stdout, stderr] = ['', ''];
  child.stdout!.on('data', (data) => {
    if (stdout === '') setTimeout(() => child.kill('SIGKILL'), delay);
    stdout += data;
  });
  child.stderr!.on('data', (data) => {
    stderr += data;
  });
  return new Promise((resolve) => {
    child.on('close', (_, signal) => {
      const numbers = [...stdout.matchAll(/^done (\d+)\n/gm)].map(([, n]) => Number(n));
      resolve({ reported: Math.max(-1, ...numbers), failure: signal === 'SIGKILL' ? undefined : stderr });
    });
  });
}

it('nothing is lost and everything can be resumed after kill -9', async () => {
  const random = new SeededRandom(seed);
  const counts = Object.fromEntries(
    Object.keys(checks).map((kind) => [kind, { kills: 0, lost: 0, unresumable: 0, leftovers: 0 }]),
  );
  const parent = await temporaryFolder();
  const states = new Map<string, { folder: string; reported: number; rounds: number }>();
  const end = performance.now() + budget('kills');
  do {
    for (const [kind, check] of Object.entries(checks)) {
      const count = counts[kind]!;
      const old = states.get(kind);
      const fresh = old === undefined || random.integer(4) === 0;
      if (fresh && old) await rm(old.folder, { recursive: true });
      const rounds = (old?.rounds ?? -1) + 1;
      const state = fresh
        ? { folder: join(parent, `${kind}-${rounds}`), reported: -1, rounds }
        : { ...old, rounds };
      const killed = await killAfter(kind, state.folder, state.reported + 1, random.integer(250));
      count.kills++;
      if (killed.failure !== undefined) {
        count.unresumable++;
        console.log(`torture: ${kind}, round ${rounds}: ${killed.failure.slice(0, 500)}`);
      }
      const reported = Math.max(state.reported, killed.reported);
      const found = await check(state.folder, reported).catch((error: Error) => {
        console.log(`torture: ${kind}, round ${rounds}: ${error.stack}`);
        return Number.NEGATIVE_INFINITY;
      });
      if (found < reported) count.lost++;
      const names = await readdir(state.folder).catch(() => []);
      if (names.filter((name: string) => name.includes('.partial-')).length > 2) count.leftovers++;
      states.set(kind, { ...state, reported: Math.max(reported, found) });
    }
  } while (performance.now() < end);
  record('kills', counts);
  for (const [kind, { lost, unresumable, leftovers }] of Object.entries(counts)) {
    expect({ kind, lost, unresumable, leftovers }).toEqual({ kind, lost: 0, unresumable: 0, leftovers: 0 });
  }
});
