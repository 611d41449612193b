/** The origin whose pages may use a server. */
import { InputError } from '../errors.ts';

/**
 * Browsers send an origin without a path; any other text would match no page, and never say so.
 * @throws InputError if it is not one
 */
export function checkCorsOrigin(origin: string | undefined): void {
  if (origin === undefined || origin === '*' || origin === 'null') return;
  if (/^[a-z][a-z0-9+.-]*:\/\/[^/?#\sA-Z]+$/.test(origin)) return;
  throw new InputError(
    `cors: found ${JSON.stringify(origin)}, expected "*" or an origin such as https://example.com, in small letters and ` +
      'without a path',
  );
}
