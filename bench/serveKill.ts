/** Kills a server while clients save sessions, and starts it again: every acknowledged save must still be there. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import { type Server, startServer } from './serveCase.ts';

export interface KillResult {
  readonly rounds: number;
  readonly clients: number;
  /** Saves that were acknowledged to clients. */
  readonly acknowledged: number;
  readonly sessions: number;
  /** Sessions that were missing after a restart, or had fewer tokens than acknowledged. */
  readonly lost: number;
}

export interface KillOptions {
  readonly rounds: number;
  readonly clients: number;
  /** Seconds of load before each kill. */
  readonly seconds: number;
  readonly flags: readonly string[];
}

export async function measureKills(
  model: string,
  { rounds, clients, seconds, flags }: KillOptions,
): Promise<KillResult> {
  const folder = await mkdtemp(join(tmpdir(), 'plusminus-sessions-'));
  const start = () => startServer(model, ['--sessions', folder, ...flags]);
  const known = new Map<string, number>();
  let [acknowledged, lost] = [0, 0];
  try {
    for (let round = 0; round < rounds; round++) {
      const server = await start();
      const over = { is: false };
      const running = Array.from({ length: clients }, async (_, index) => {
        for (let turn = 0; !over.is; turn++) {
          const session = `client-${index}-${turn % 4}`;
          const tokens = await goOn(server, session).catch(() => undefined); // the server has gone
          if (tokens === undefined) continue;
          known.set(session, tokens);
          acknowledged += 1;
        }
      });
      await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
      over.is = true;
      await server.stop('SIGKILL');
      await Promise.all(running);
      const again = await start();
      for (const [session, tokens] of known) if (!((await tokensOf(again, session)) >= tokens)) lost += 1;
      await again.stop();
    }
  } finally {
    await rm(folder, { recursive: true });
  }
  return { rounds, clients, acknowledged, sessions: known.size, lost };
}

/** @returns tokens of the session that the server acknowledged as saved */
async function goOn(server: Server, session: string): Promise<number> {
  const request = { model: 'bench', prompt: 'And then', max_tokens: 4, ignore_eos: true, session };
  const answer = await server.client.completions.create(request as OpenAI.CompletionCreateParamsNonStreaming);
  return (answer as unknown as { session: { tokens: number } }).session.tokens;
}

/** 0 if the session does not exist. */
async function tokensOf(server: Server, session: string): Promise<number> {
  try {
    return (await server.client.get<{ tokens: number }>(`/sessions/${session}`)).tokens;
  } catch (error) {
    if (error instanceof OpenAI.NotFoundError) return 0;
    throw error;
  }
}
