/** Saves and restores vectors that are sharded over ranks by bucket, as one tensor per parameter. */
import { bytesOf, type Engine, readFloats } from '../engine/engine.ts';
import type { Group } from '../mpi/group.ts';
import { part } from '../program/tensor.ts';
import { type Bucket, runsOf } from './buckets.ts';
import type { PartMoments } from './sharedStep.ts';
import type { RestoredTensor, SavedTensor } from './update.ts';

/** How a rank reads and writes elements of its own part of a bucket. */
export interface PartAccess {
  read(bucket: Bucket, first: number, count: number): Promise<Float32Array>;
  write(bucket: Bucket, first: number, values: Float32Array): void;
}

/** The tensors `<prefix><parameter><suffix>`, whose elements lie with the ranks that keep them. */
export function partedTensors(
  group: Group,
  buckets: readonly Bucket[],
  { prefix = '', suffix = '' }: { readonly prefix?: string; readonly suffix?: string },
  access: PartAccess,
): (SavedTensor & RestoredTensor)[] {
  const ranks = Array.from({ length: group.size }, (_, rank) => rank);
  return buckets.flatMap((bucket) =>
    bucket.members.map((member) => {
      const runs = (rank: number) => runsOf(bucket, rank).filter((run) => run.member === member);
      return {
        name: `${prefix}${member.spec.name}${suffix}`,
        shape: member.spec.shape,
        async read() {
          const all = new Float32Array(member.size);
          for (const rank of ranks) {
            for (const { first, end, inPart } of runs(rank)) {
              const piece = all.subarray(first, end);
              if (rank === group.rank) piece.set(await access.read(bucket, inPart, end - first));
              await group.broadcast(bytesOf(piece), rank);
            }
          }
          return bytesOf(all);
        },
        write(bytes: Uint8Array) {
          const all = new Float32Array(bytes.slice().buffer);
          for (const { first, end, inPart } of runs(group.rank)) {
            access.write(bucket, inPart, all.subarray(first, end));
          }
        },
      };
    }),
  );
}

/** AdamW's moments of all ranks, `<parameter>.m` and `<parameter>.v`, as one rank alone has them. */
export function partedMoments(
  group: Group,
  buckets: readonly Bucket[],
  engine: Engine,
  moments: ReadonlyMap<Bucket, PartMoments>,
): (SavedTensor & RestoredTensor)[] {
  return (['m', 'v'] as const).flatMap((name) => {
    const stretch = (bucket: Bucket, first: number, count: number) =>
      part(moments.get(bucket)![name], first, [count], name);
    return partedTensors(
      group,
      buckets,
      { suffix: `.${name}` },
      {
        read: (bucket, first, count) => readFloats(engine, stretch(bucket, first, count)),
        write: (bucket, first, values) =>
          engine.write(stretch(bucket, first, values.length), bytesOf(values.slice())),
      },
    );
  });
}
