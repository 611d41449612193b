/** Hostile clients on a thread of their own, so that their work does not delay the clients whose latency is measured. */
import { parentPort, workerData } from 'node:worker_threads';
import { SeededRandom } from '../../src/text/seededRandom.ts';
import { attacks } from './hostileClients.ts';

export interface HostileWork {
  readonly url: string;
  /** One for each client. */
  readonly keys: readonly string[];
  readonly seed: number;
  readonly milliseconds: number;
}

const { url, keys, seed, milliseconds } = workerData as HostileWork;
const names = Object.keys(attacks);
/** How often each attack was begun. */
const counts: Record<string, number> = {};
const end = performance.now() + milliseconds;

async function attack(key: string, random: SeededRandom): Promise<void> {
  while (performance.now() < end) {
    const name = names[random.integer(names.length)]!;
    counts[name] = (counts[name] ?? 0) + 1;
    await attacks[name]!({ url, key, random }).catch(() => {}); // connections that the server closes
  }
}

await Promise.all(keys.map((key, index) => attack(key, new SeededRandom(seed + index))));
parentPort!.postMessage(counts);
