/**
 * Settings of the torture suite, from the environment:
 *
 *   TORTURE_MINUTES   duration of all loops together, default 2; the suite takes up to a minute more
 *   TORTURE_SHARE     share of that time for each part that is run, from 0 to 1; default: the parts' own, together 1.
 *                     An hour of clients: TORTURE_MINUTES=60 TORTURE_SHARE=1 npm run test:torture -- clients
 *   TORTURE_CLIENTS   good and hostile clients of a server, default 48,16; some answers are refused where the good ones are
 *                     more than the server has slots and places in the queue
 *   TORTURE_SEED      default: the time; printed
 *   TORTURE_OUT       JSON file that collects the counts, e.g. results/torture.json; default: none
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/** Set by vitest.config.ts. */
export const seed = Number(process.env.TORTURE_SEED);

/** Shares of the budget. */
const shares = { kills: 0.4, mutations: 0.3, pairs: 0.1, clients: 0.2 } as const;

/** Milliseconds for a part. */
export function budget(part: keyof typeof shares): number {
  return 60_000 * chosenMinutes() * (chosenShare() ?? shares[part]);
}

function chosenShare(): number | undefined {
  const chosen = process.env.TORTURE_SHARE;
  const share = Number(chosen);
  if (chosen === undefined || (share > 0 && share <= 1)) return chosen === undefined ? undefined : share;
  throw new Error(`TORTURE_SHARE: found "${chosen}", expected a number above 0 and up to 1`);
}

/** @throws if TORTURE_MINUTES is not a positive number */
export function chosenMinutes(): number {
  const minutes = Number(process.env.TORTURE_MINUTES ?? 2);
  if (minutes > 0 && Number.isFinite(minutes)) return minutes;
  throw new Error(`TORTURE_MINUTES: found "${process.env.TORTURE_MINUTES}", expected a positive number`);
}

/** @throws if TORTURE_CLIENTS is not two positive integers */
export function chosenClients(): { readonly good: number; readonly hostile: number } {
  const chosen = process.env.TORTURE_CLIENTS ?? '48,16';
  const [, good, hostile] = /^([1-9]\d{0,3}),([1-9]\d{0,3})$/.exec(chosen) ?? [];
  if (good && hostile) return { good: Number(good), hostile: Number(hostile) };
  throw new Error(`TORTURE_CLIENTS: found "${chosen}", expected two positive integers, such as 200,50`);
}

interface Campaign {
  readonly commit: string;
  readonly seed: number;
  readonly [part: string]: unknown;
}

/** Prints counts and stores them. */
export function record(part: string, counts: object): void {
  console.log(`torture: ${part}: ${JSON.stringify(counts)}`);
  store(part, counts);
}

/** Stores counts in the file under this commit and seed, instead of earlier ones; other campaigns stay. */
export function store(part: string, counts: object): void {
  const file = process.env.TORTURE_OUT;
  if (!file) return;
  const commit = execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).trim();
  const campaigns = readCampaigns(file);
  const isThis = (campaign: Campaign) => campaign.commit === commit && campaign.seed === seed;
  const updated = { ...campaigns.find(isThis), commit, seed, [part]: counts };
  const all = [...campaigns.filter((campaign) => !isThis(campaign)), updated];
  writeFileSync(file, `${JSON.stringify({ campaigns: all }, undefined, 2)}\n`);
}

function readCampaigns(file: string): Campaign[] {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).campaigns : [];
}
