/**
 * Packages that few users need, so that installing the library does not install them: optional peer dependencies.
 * Modules that import them are themselves imported when needed, and a missing package is reported with the command
 * that installs it.
 */
import { type ErrorCode, InputError } from './errors.ts';

interface Group {
  readonly purpose: string;
  readonly packages: readonly string[];
}

export const optionalPackages: readonly Group[] = [
  {
    purpose: 'the HTTP server',
    packages: ['hono', '@hono/node-server', 'pino', 'prom-client', 'lru-cache'],
  },
  { purpose: 'figures', packages: ['@observablehq/plot', 'linkedom'] },
  { purpose: 'Parquet files', packages: ['hyparquet', 'hyparquet-compressors'] },
];

/** An optional package is not installed. */
export class MissingPackageError extends InputError {
  override name = 'MissingPackageError';
  override readonly code: ErrorCode = 'missing-package';
}

/** The result of `load`, an import. @throws MissingPackageError if it needs an optional package that is missing */
export async function loadOptional<T>(load: () => Promise<T>): Promise<T> {
  return load().catch((error: unknown) => {
    throw explainMissing(error) ?? error;
  });
}

/** The error to report instead of a runtime's own one about a missing optional package; undefined for other errors. */
export function explainMissing(error: unknown): MissingPackageError | undefined {
  if (!(error instanceof Error)) return undefined;
  const missing = /(?:package|module|resolve) ['"]((?:@[\w.-]+\/)?[\w.-]+)/i.exec(error.message)?.[1];
  const group = optionalPackages.find(({ packages }) => packages.includes(missing ?? ''));
  if (!group) return undefined;
  return new MissingPackageError(
    `${group.purpose}: the package "${missing}" is not installed; run "npm install ${group.packages.join(' ')}"`,
    { cause: error },
  );
}
