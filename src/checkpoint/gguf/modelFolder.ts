/**
 * A GGUF file reads as a model folder: `model.gguf/config.json` and the tokenizer's files are made from its metadata. So
 * whatever reads a model folder reads a GGUF file.
 */
import type { ReadableFile } from '#platform';
import { ggufMember } from '../../platform/ggufPaths.ts';
import { bytesFile } from '../../platform/givenFiles.ts';
import { configOf } from './architecture.ts';
import { GgufFile } from './ggufFile.ts';
import { tokenizerOf } from './tokenizer.ts';

const makers: Readonly<Record<string, (file: GgufFile) => unknown>> = {
  'config.json': configOf,
  'tokenizer.json': (file) => tokenizerOf(file.metadata)?.json,
  'tokenizer_config.json': (file) => tokenizerOf(file.metadata)?.config,
};

/** Makes a file of a GGUF model; undefined if the model has no such file. */
export async function openInGguf(path: string): Promise<ReadableFile | undefined> {
  const member = ggufMember(path);
  const make = member && Object.hasOwn(makers, member.name) ? makers[member.name] : undefined;
  if (!member || !make) return undefined;
  const file = await GgufFile.open(member.source);
  try {
    const content = await make(file);
    return content === undefined ? undefined : bytesFile(new TextEncoder().encode(JSON.stringify(content)));
  } finally {
    await file.close();
  }
}
