/** The same model in plain PyTorch on the same card, if Python and torch are installed: see bench/pytorch/. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface PyTorchRow {
  readonly name: string;
  readonly tokens?: number;
  readonly milliseconds?: number;
  /** Peak of allocated memory. */
  readonly bytes?: number;
  /** Why it was not measured. */
  readonly failure?: string;
}

export interface PyTorchReport {
  readonly device: string;
  readonly torch: string;
  readonly compiled: boolean;
  /** Difference from the golden logits. */
  readonly difference: number;
  readonly rows: readonly PyTorchRow[];
}

export interface PyTorchCase {
  readonly size: string;
  readonly prompt: number;
  readonly batch: number;
  readonly length: number;
  readonly rounds: number;
  readonly training: boolean;
}

const script = fileURLToPath(new URL('pytorch/compare.py', import.meta.url));

/** PyTorch's measurements, or a sentence that says why there are none. */
export async function measurePyTorch({ training, ...numbers }: PyTorchCase): Promise<PyTorchReport | string> {
  const folder = await mkdtemp(join(tmpdir(), 'plusminus-pytorch-'));
  try {
    const out = join(folder, 'report.json');
    const flags = Object.entries(numbers).flatMap(([name, value]) => [`--${name}`, `${value}`]);
    const failure = await python([script, ...flags, ...(training ? [] : ['--no-training']), '--out', out]);
    return failure ?? (JSON.parse(await readFile(out, 'utf8')) as PyTorchReport);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs Python. Resolves to the error, if there is one. */
function python(args: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn('python3', args, { stdio: ['ignore', 'inherit', 'pipe'] });
    let last = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      process.stderr.write(text);
      last = text.trim().split('\n').at(-1) || last;
    });
    child.on('error', () => resolve('there is no python3'));
    child.on('close', (code) => resolve(code === 0 ? undefined : last || `python3 ended with ${code}`));
  });
}
