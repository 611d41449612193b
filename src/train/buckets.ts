/**
 * Parameters in buckets: each bucket's weights are one stretch of memory and so are its gradients, so that ranks
 * exchange a bucket in one call, and a rank can keep the optimizer's state of one even part of it.
 */
import type { ParameterSpec } from '../model/parameters.ts';
import { part, partAlignment, type Tensor, variable } from '../program/tensor.ts';

export interface Member {
  readonly spec: ParameterSpec;
  /** Of its first element in the bucket. */
  readonly offset: number;
  readonly size: number;
  readonly weight: Tensor;
  readonly gradient: Tensor;
}

export interface Bucket {
  /** All weights and all gradients [size], with gaps that stay zero. */
  readonly weights: Tensor;
  readonly gradients: Tensor;
  /** One part for each rank, of equal lengths. */
  readonly size: number;
  readonly partSize: number;
  readonly members: readonly Member[];
}

/** Elements of a bucket, by default: large enough for the network, small enough to travel while others are made. */
const defaultBucketSize = 2 ** 22;

/**
 * Buckets in the order in which a backward pass completes gradients: the last parameters first.
 * @param ranks how many parts a bucket divides into
 * @param bucketSize elements after which a new bucket begins; a larger parameter has a bucket of its own
 */
export function layOut(
  specs: readonly ParameterSpec[],
  ranks: number,
  bucketSize = defaultBucketSize,
): Bucket[] {
  const groups: ParameterSpec[][] = [];
  let filled = Number.POSITIVE_INFINITY;
  for (const spec of specs.toReversed()) {
    const size = padded(sizeOf(spec), partAlignment);
    if (filled + size > bucketSize) {
      groups.push([]);
      filled = 0;
    }
    groups.at(-1)!.push(spec);
    filled += size;
  }
  return groups.map((group, index) => bucketOf(group, ranks, index));
}

function bucketOf(specs: readonly ParameterSpec[], ranks: number, index: number): Bucket {
  const offsets: number[] = [];
  let end = 0;
  for (const spec of specs) {
    offsets.push(end);
    end += padded(sizeOf(spec), partAlignment);
  }
  const size = padded(end, ranks * partAlignment);
  const weights = variable(`weights.${index}`, [size]);
  const gradients = variable(`gradients.${index}`, [size]);
  const members = specs.map((spec, k) => ({
    ...{ spec, offset: offsets[k]!, size: sizeOf(spec) },
    weight: part(weights, offsets[k]!, spec.shape, spec.name),
    gradient: part(gradients, offsets[k]!, spec.shape, `${spec.name}.gradient`),
  }));
  return { weights, gradients, size, partSize: size / ranks, members };
}

/** A run of neighbouring elements of one parameter within one rank's part of a bucket. */
export interface Run {
  readonly member: Member;
  /** Elements [first, end) of the parameter. */
  readonly first: number;
  readonly end: number;
  /** Of the first one in the bucket, and in the rank's part. */
  readonly inBucket: number;
  readonly inPart: number;
}

/** What of a bucket is in the part of a rank: every element of every parameter is in one rank's part. */
export function runsOf({ members, partSize }: Bucket, rank: number): Run[] {
  const start = rank * partSize;
  return members.flatMap((member) => {
    const first = Math.max(0, start - member.offset);
    const end = Math.min(member.size, start + partSize - member.offset);
    const inBucket = member.offset + first;
    return first < end ? [{ member, first, end, inBucket, inPart: inBucket - start }] : [];
  });
}

/** The weights of all buckets by parameter name. */
export function weightsOf(buckets: readonly Bucket[]): Map<string, Tensor> {
  return new Map(
    buckets.flatMap(({ members }) => members.map(({ spec, weight }) => [spec.name, weight] as const)),
  );
}

function sizeOf({ shape }: ParameterSpec): number {
  return shape.reduce((product, size) => product * size, 1);
}

function padded(size: number, multiple: number): number {
  return Math.ceil(size / multiple) * multiple;
}
