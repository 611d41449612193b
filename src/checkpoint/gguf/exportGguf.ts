/** Writes a model folder as a GGUF file, which llama.cpp and bitnet.cpp read. */
import { basename } from 'node:path';
import { InputError } from '../../errors.ts';
import { isGguf } from '../../platform/ggufPaths.ts';
import { TextTokenizer } from '../../text/tokenizer.ts';
import { Checkpoint } from '../checkpoint.ts';
import { type Progress, progressReport } from '../tensorSource.ts';
import { onDisk } from '../writeSafetensors.ts';
import { expectExportable, modelMetadata } from './exportModel.ts';
import { exportedTensors } from './exportTensors.ts';
import { tokenizerMetadata } from './exportTokenizer.ts';
import { writeGguf } from './writeGguf.ts';

interface ExportOptions {
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes the model `source` to the file `target`: floats in their type, ternary and binary codes in the type that holds
 * them exactly. Holds one matrix at a time.
 * @throws InputError for a model or a form that GGUF does not hold; the signal's reason if it is aborted
 */
export async function exportGguf(source: string, target: string, options: ExportOptions = {}): Promise<void> {
  if (!isGguf(target))
    throw new InputError(`target: found "${target}", expected a file with a name that ends in .gguf`);
  const checkpoint = await Checkpoint.open(source);
  try {
    const config = expectExportable(checkpoint.config, source);
    const tokenizer = await TextTokenizer.loadIfPresent(source);
    const total = [...checkpoint.tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
    const report = progressReport(total, options.onProgress, options.signal);
    const metadata = {
      ...modelMetadata(config, basename(source).replace(/\.gguf$/i, '')),
      ...(tokenizer ? tokenizerMetadata(tokenizer, config.vocabSize) : {}),
    };
    await onDisk(target, () => writeGguf(target, metadata, exportedTensors(checkpoint, config, report)));
  } finally {
    await checkpoint.close();
  }
}
