/**
 * What a study is: experiments that are run one after the other, each kept once it is done, and a report that is
 * written anew after each. Interrupted, a study goes on where it was.
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
  /** Begin no run that would end later than this after the start, as far as can be told; the next process may. */
  readonly minutes?: number | undefined;
  /** Texts to train on; studies that train need them. */
  readonly data: readonly string[] | (() => AsyncIterable<string>) | undefined;
  /** Kinds of models to compare; default: the study's own. */
  readonly families?: readonly Family[] | undefined;
}

export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface Figure {
  /** File name without ending. */
  readonly name: string;
  /** What is to be seen, in a sentence. */
  readonly caption: string;
  readonly svg: string;
}

export interface Report {
  readonly title: string;
  /** What was done, and what came out, in plain words. */
  readonly text: readonly string[];
  readonly tables: readonly Table[];
  readonly figures: readonly Figure[];
  /** All figures, for machines. */
  readonly data: unknown;
}

/** The minutes that a study was given are over; what is left to do is left to the next process. */
export class TimeUpError extends Error {
  override name = 'TimeUpError';
}

export interface StudyContext {
  readonly options: StudyOptions;
  readonly signal: AbortSignal;
  /** Where what studies share may lie, such as a corpus as tokens. */
  readonly folder: string;
  /**
   * One experiment: its result, from an earlier process if it was done there with the same settings. Experiments that
   * do not need one another's results are asked for together (`Promise.all`): ranks then share them.
   * @param name of its folder, with a hash of the settings
   * @param body does it in a folder of its own, where it may have begun before, and returns what JSON can hold
   * @param seconds that it will take, if that can be told
   * @throws TimeUpError if that is more than is left of `minutes`
   */
  run<R>(name: string, settings: object, body: (folder: string) => Promise<R>, seconds?: number): Promise<R>;
  /** Writes tables and figures as they stand. */
  publish(report: Report): Promise<void>;
  /** Tells people what goes on. */
  say(text: string): void;
  /** Ranks that carry the study out together; default: this one alone. */
  readonly group?: Group | undefined;
}

/** A run as it is known before it begins. */
export interface PlannedRun {
  readonly name: string;
  /** What it does, in a few words: sizes and counts. */
  readonly what: string;
  /** On one H100; searches may take a few runs more or less. */
  readonly seconds: number;
}

export interface Study {
  readonly name: string;
  /** In a line. */
  readonly about: string;
  readonly trains: boolean;
  /** Ranks share its experiments; otherwise rank 0 does them by itself, such as those that measure time. */
  readonly spreads?: boolean;
  /** The kinds of models that it compares unless the options name others; absent: what it compares is fixed. */
  readonly families?: readonly Family[];
  /** What carrying it out will do; prepares the corpus, and runs nothing. */
  plan?(context: StudyContext): Promise<readonly PlannedRun[]>;
  carryOut(context: StudyContext): Promise<void>;
}
