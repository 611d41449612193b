/** Writes to the standard streams. */
import { once } from 'node:events';

/** Writes to stdout, at the pace of the reader. */
export async function write(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain');
}

/** Writes text of a model. On a terminal its control characters are shown, not executed. */
export async function writeText(text: string): Promise<void> {
  await write(process.stdout.isTTY ? text.replace(/(?![\n\t])\p{Cc}/gu, '\uFFFD') : text);
}

export async function writeJson(value: unknown): Promise<void> {
  await write(`${JSON.stringify(value)}\n`);
}
