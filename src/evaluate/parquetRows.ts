/** Reads rows of Parquet files with hyparquet; bounds its allocations and turns its errors into InputErrors. */
import {
  type AsyncBuffer,
  asyncBufferFromFile,
  type Compressors,
  type FileMetaData,
  parquetMetadataAsync,
  parquetRead,
  parquetReadObjects,
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { InputError } from '../errors.ts';
import { show } from '../json.ts';
import { refuseWrongStart } from '../text/textFile.ts';
import type { Row } from './task.ts';

/** Max bytes of an unpacked page, as its header claims before any of it is read. */
const maxPageBytes = 2 ** 28;
const maxRows = 1e7;

const bounded = Object.fromEntries(
  Object.entries(compressors).map(([codec, unpack]) => [
    codec,
    (input: Uint8Array, length: number) => {
      if (!(length >= 0 && length <= maxPageBytes)) {
        throw new Error(`a page of ${length} bytes, expected at most ${maxPageBytes}`);
      }
      return unpack!(input, length);
    },
  ]),
) as Compressors;

export async function* parquetRows(path: string): AsyncGenerator<Row> {
  const rows = await readAll(path).catch((cause) => {
    if (cause instanceof InputError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new InputError(`${path}: damaged, or no Parquet file: ${reason}`, { cause });
  });
  for (const [index, fields] of rows.entries()) yield { where: `${path}, row ${index + 1}`, fields };
}

async function readAll(path: string): Promise<Record<string, unknown>[]> {
  await refuseWrongStart(path, 'a Parquet file');
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file);
  const rows = Number(metadata.num_rows);
  const counted = metadata.row_groups.reduce((sum, group) => sum + Number(group.num_rows), 0);
  if (!(rows >= 0 && rows <= maxRows) || rows !== counted) {
    throw new InputError(`${path}: num_rows: found ${show(String(metadata.num_rows))}, expected ${counted}`);
  }
  await readColumns(file, metadata);
  const found = await parquetReadObjects({ file, metadata, compressors: bounded });
  if (found.length !== rows) throw new Error(`${found.length} rows, expected ${rows}`);
  return found;
}

/**
 * Reads columns directly first, to find all failures. When it builds rows, the library awaits one column after another,
 * so the rejection of another column would be unhandled and end the process. For the same reason bytes are delivered in
 * a later turn of the event loop, and never after a failure: the library may still request columns when it gives up.
 */
async function readColumns(file: AsyncBuffer, metadata: FileMetaData): Promise<void> {
  let failed = false;
  const later: AsyncBuffer = {
    byteLength: file.byteLength,
    slice: (start, end) =>
      new Promise((resolve) => {
        setImmediate(() => {
          if (!failed) resolve(file.slice(start, end));
        });
      }),
  };
  try {
    await parquetRead({ file: later, metadata, compressors: bounded });
  } catch (error) {
    failed = true;
    throw error;
  }
}
