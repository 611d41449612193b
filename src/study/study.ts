/**
 * A study: a list of experiments, each stored when it is done, and a report that is rewritten after each. An
 * interrupted study resumes.
 */

import type { EngineChoice } from '../engine/engines.ts';
import type { Group } from '../mpi/group.ts';
import type { Family } from './families.ts';

export interface StudyOptions {
  readonly engine: EngineChoice;
  readonly threads?: number | undefined;
  /** Small sizes, so that the whole study takes minutes on a laptop. */
  readonly quick: boolean;
  readonly seed: number;
  /** Time limit: do not begin a run that is estimated to end later. */
  readonly minutes?: number | undefined;
  /** Texts to train on; studies that train need them. */
  readonly data: readonly string[] | (() => AsyncIterable<string>) | undefined;
  /** Families to compare; default: the study's own. */
  readonly families?: readonly Family[] | undefined;
  /** Sizes of the paper to measure, in studies of random weights; default: all. */
  readonly sizes?: readonly string[] | undefined;
}

export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface Figure {
  /** File name without ending. */
  readonly name: string;
  /** One sentence. */
  readonly caption: string;
  readonly svg: string;
}

export interface Report {
  readonly title: string;
  /** Paragraphs on method and findings. */
  readonly text: readonly string[];
  readonly tables: readonly Table[];
  readonly figures: readonly Figure[];
  /** All figures, for machines. */
  readonly data: unknown;
}

/** Thrown when the time limit of a study is reached; the next process does the rest. */
export class TimeUpError extends Error {
  override name = 'TimeUpError';
}

export interface StudyContext {
  readonly options: StudyOptions;
  readonly signal: AbortSignal;
  /** Folder for data that studies share, such as tokenised corpora. */
  readonly folder: string;
  /**
   * Runs one experiment, or returns its stored result if it was done with the same settings. Request independent
   * experiments together (`Promise.all`), so that ranks can share them.
   * @param name prefix of its folder; a hash of the settings follows
   * @param body runs or resumes the experiment in its own folder, and returns a value that JSON can hold
   * @param seconds estimated duration, if known
   * @throws TimeUpError if the estimate exceeds the time left
   */
  run<R>(name: string, settings: object, body: (folder: string) => Promise<R>, seconds?: number): Promise<R>;
  /**
   * Writes the report with the results so far. A function is only called by the process that writes it, at most every ten
   * seconds and at the end.
   */
  publish(report: Report | (() => Report)): Promise<void>;
  /** Prints progress. */
  say(text: string): void;
  /** Ranks that share the study; default: this one alone. */
  readonly group?: Group | undefined;
}

/** A run that a study plans. */
export interface PlannedRun {
  readonly name: string;
  /** Sizes and counts, in a few words. */
  readonly what: string;
  /** Estimate for one H100; searches may need a few runs more or less. */
  readonly seconds: number;
}

export interface Study {
  readonly name: string;
  readonly trains: boolean;
  /** Ranks share its experiments. Otherwise rank 0 runs them alone, as for measurements of time. */
  readonly spreads?: boolean;
  /** Families that it compares by default; absent if they are fixed. */
  readonly families?: readonly Family[];
  /** Whether `sizes` chooses among its cases. */
  readonly hasSizes?: boolean;
  /** Lists the runs that `carryOut` will do. Prepares the corpus, but runs nothing. */
  plan?(context: StudyContext): Promise<readonly PlannedRun[]>;
  carryOut(context: StudyContext): Promise<void>;
}
