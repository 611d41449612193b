/** Errors in OpenAI's format, which clients can parse. */
import { OutOfMemoryError } from '../engine/engine.ts';
import { InputError } from '../errors.ts';
import { TooBusyError } from './slots.ts';

interface Details {
  /** The wrong field of the request. */
  readonly param?: string | undefined;
  readonly code?: string | undefined;
  /** Seconds until the client should try again. */
  readonly retryAfter?: number | undefined;
}

/** A request that cannot be served, with its HTTP status. */
export class ApiError extends Error {
  override name = 'ApiError';
  readonly status: number;
  readonly details: Details;

  constructor(status: number, message: string, details: Details = {}) {
    super(message);
    this.status = status;
    this.details = details;
  }

  get body() {
    const { param = null, code = null } = this.details;
    return { error: { message: this.message, type: typeOf(this.status), param, code } };
  }

  get headers(): Record<string, string> {
    const { retryAfter } = this.details;
    return retryAfter === undefined ? {} : { 'retry-after': `${retryAfter}` };
  }
}

function typeOf(status: number): string {
  if (status === 401) return 'authentication_error';
  if (status === 429) return 'rate_limit_error';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}

/** The error that a client sees. Internal failures are described in the log only. */
export function apiErrorOf(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof InputError) {
    const [, param] = /^([a-z_]+(?:\[\d+\])?(?:\.[a-z_]+)?): /.exec(error.message) ?? [];
    return new ApiError(400, error.message, { param });
  }
  if (error instanceof TooBusyError)
    return new ApiError(429, error.message, { code: 'server_busy', retryAfter: 1 });
  if (isDiskFull(error)) return new ApiError(507, 'the disk of the server is full', { code: 'disk_full' });
  if (error instanceof OutOfMemoryError) return new ApiError(503, error.message, { retryAfter: 10 });
  return new ApiError(500, 'the server failed; its log says why', { code: 'internal_error' });
}

function isDiskFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
}
