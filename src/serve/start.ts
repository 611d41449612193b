/** The start of a request: an empty state, a state that the client sends, or a stored session. */
import type { SavedSession } from '../generate/savedSession.ts';
import { ApiError } from './apiError.ts';
import type { ChatFields, CompletionFields } from './fields.ts';
import type { Runtime } from './runtime.ts';
import type { Caller } from './scope.ts';
import type { Lease } from './sessionStore.ts';

export interface Start {
  readonly earlier: SavedSession | undefined;
  /** The session that the answer belongs to. */
  readonly lease: Lease | undefined;
  readonly returnState: boolean;
  /** The name of the answer, where the state after it is kept under it. */
  readonly id?: string;
  readonly keep?: ((session: SavedSession) => void) | undefined;
}

/** The caller releases the lease. */
export async function startOf(
  { signer, sessions }: Runtime,
  fields: CompletionFields | ChatFields,
  owner: string,
): Promise<Start> {
  const { state, session } = fields;
  const returnState = fields.return_state === true;
  if (typeof state === 'string' && typeof session === 'string')
    throw new ApiError(400, 'state: found a session too, expected one of them', { param: 'state' });
  if (typeof state === 'string') {
    const earlier = signer.verify(state);
    return { earlier: nonEmpty(earlier), lease: undefined, returnState };
  }
  if (typeof session !== 'string') return { earlier: undefined, lease: undefined, returnState };
  if (!sessions)
    throw new ApiError(
      400,
      'session: this server stores none; start it with --sessions FOLDER, or use state',
      {
        param: 'session',
      },
    );
  const lease = await sessions.lease(owner, session);
  return { earlier: nonEmpty(lease.session), lease, returnState };
}

function nonEmpty(session: SavedSession | undefined): SavedSession | undefined {
  return session && session.tokens > 0 ? session : undefined;
}

/** The tokens to read: first those that the earlier state has not read yet. */
export function continued(
  { tokenizer, limits }: Runtime,
  ids: readonly number[],
  earlier: SavedSession | undefined,
  where: string,
): { readonly tokens: readonly number[]; readonly earlier: SavedSession | undefined } {
  let tokens = earlier ? [...earlier.unread, ...ids] : ids;
  if (tokens.length === 0 && tokenizer.bosTokenId !== undefined) tokens = [tokenizer.bosTokenId];
  const param = where.replace(/\[\d+\]$/, '');
  if (tokens.length === 0)
    throw new ApiError(400, `${where}: found no token, expected at least one`, { param });
  if (tokens.length > limits.promptTokens)
    throw new ApiError(
      400,
      `${where}: found ${tokens.length} tokens, expected at most ${limits.promptTokens}`,
      {
        param,
        code: 'context_length_exceeded',
      },
    );
  const total = (earlier ? earlier.tokens - earlier.unread.length : 0) + tokens.length;
  if (total > limits.contextTokens)
    throw new ApiError(
      400,
      `${where}: found ${total} tokens in all, expected at most ${limits.contextTokens}, the context length of the model`,
      { param, code: 'context_length_exceeded' },
    );
  if (!earlier) return { tokens, earlier };
  const { unread } = earlier;
  const before = { ...earlier, tokens: earlier.tokens - unread.length };
  return {
    tokens,
    earlier: {
      ...before,
      unread: [],
      recent: earlier.recent.slice(0, earlier.recent.length - unread.length),
    },
  };
}

/** @throws ApiError; TooBusyError before work is spent on a request that could not even wait */
export function checkChoices(
  { limits, scheduler }: Runtime,
  choices: number,
  { lease, returnState }: Start,
  { client }: Caller,
): void {
  if (choices > limits.choices)
    throw new ApiError(400, `n: found ${choices} choices in all, expected at most ${limits.choices}`, {
      param: 'n',
    });
  if (choices > 1 && (lease || returnState))
    throw new ApiError(400, `n: found ${choices} choices in all, expected 1 with a state or a session`, {
      param: 'n',
    });
  scheduler.checkRoom(choices, client);
}

export function checkMaxTokens({ limits }: Runtime, param: string, found: number): number {
  if (found <= limits.maxTokens) return found;
  throw new ApiError(400, `${param}: found ${found}, expected at most ${limits.maxTokens}`, { param });
}

/** @throws ApiError for an id outside the vocabulary */
export function checkIds({ scheduler }: Runtime, ids: readonly number[], where: string): readonly number[] {
  const wrong = ids.find((id) => id >= scheduler.vocabulary);
  if (wrong === undefined) return ids;
  throw new ApiError(400, `${where}: found token ${wrong}, expected ids below ${scheduler.vocabulary}`, {
    param: where.replace(/\[\d+\]$/, ''),
  });
}
