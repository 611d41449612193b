/** Joins the ranks that were started together with this process, whoever started them. */
import { Socket } from 'node:net';
import type { Group } from '../mpi/group.ts';
import { joinGroup } from '../mpi/mpiGroup.ts';
import { PipeGroup } from './pipeGroup.ts';

/** The variable by which our own launcher tells a process its place: `rank/size`. */
export const placeVariable = 'PLUSMINUS_RANK';
/** The file descriptor of a rank's pipe to its launcher. */
export const pipeDescriptor = 3;

/** Ranks with an end: what the program that joined them calls last. */
export interface JoinedGroup extends Group {
  /** The last call; all ranks must make it. */
  leave(): Promise<void>;
  /** Ends all ranks at once, with this exit code. */
  abort(code: number): void;
}

/** `undefined` if this process was started alone. All ranks must call it. */
export async function joinRanks(): Promise<JoinedGroup | undefined> {
  const [, rank, size] = /^(\d+)\/(\d+)$/.exec(process.env[placeVariable] ?? '') ?? [];
  if (size === undefined) return joinGroup();
  return new PipeGroup(
    new Socket({ fd: pipeDescriptor, readable: true, writable: true }),
    Number(rank),
    Number(size),
  );
}
