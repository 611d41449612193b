/**
 * A task: where its data comes from, how a row becomes requests, and which metrics are computed from the scores.
 * Definitions follow EleutherAI's lm-evaluation-harness 0.4; `version` increases whenever scores may change.
 */

import type { PositionScore } from './positions.ts';

/** Asks for the probability of `continuation` after `context`. */
export interface Request {
  /** Empty for a text that is scored as a whole. */
  readonly context: string;
  readonly continuation: string;
}

/** A row of a task's data: its requests, and the facts needed to judge their scores. */
export interface Item {
  /** File and row, for messages. */
  readonly where: string;
  readonly requests: readonly Request[];
  /** Index of the right choice, for questions. */
  readonly gold?: number;
  /** Characters of each choice, for questions: the divisors of acc_norm. Absent where acc_norm is undefined. */
  readonly lengths?: readonly number[];
  /** Size of a text in the data, before rendering. */
  readonly size?: { readonly words: number; readonly bytes: number };
  /** Source of the item, for datasets with several: samples are stratified by it. */
  readonly source?: string;
  /** Index in the task's whole data, from 0. */
  readonly index?: number;
}

/** The model's score of a request. */
export interface RequestScore {
  /** Natural logarithm of the probability of the continuation. */
  readonly logLikelihood: number;
  /** Tokens of the continuation. */
  readonly tokens: number;
  /** Whether each of them was the most probable token. */
  readonly greedy: boolean;
  /** See TokenPair. */
  readonly encodedAlone?: true | undefined;
  /** The parts of a text's score by position. */
  readonly positions?: readonly PositionScore[] | undefined;
}

/** A score of a task. */
export interface Metric {
  readonly name: MetricName;
  readonly value: number;
  /** Standard error of `value`, where one is defined. */
  readonly standardError?: number;
}

/** Names of scores, as lm-evaluation-harness has them. */
export type MetricName =
  | 'acc'
  | 'acc_norm'
  | 'perplexity'
  | 'word_perplexity'
  | 'byte_perplexity'
  | 'bits_per_byte';

/**
 * `choice`: the right one of several continuations, or contexts, should be the most probable; `completion`: the
 * one continuation should be the greedy completion; `text`: how well a text is predicted.
 */
export type Scoring = 'choice' | 'completion' | 'text';

/** A row of a data file: an object of fields from outside. */
export interface Row {
  /** File and row number, for messages. */
  readonly where: string;
  readonly fields: { readonly [name: string]: unknown };
}

/** The dataset on the Hugging Face Hub. */
export interface Dataset {
  readonly id: string;
  /** Absent if the dataset has only one. */
  readonly config?: string;
  readonly split: string;
}

export interface Task {
  readonly name: string;
  /** In a few words, for people. */
  readonly about: string;
  readonly version: number;
  /** BibTeX-free: authors, year, title, address. */
  readonly citation: string;
  readonly scoring: Scoring;
  /** The metric that the paper's tables show. */
  readonly headline: MetricName;
  readonly dataset: Dataset;
  /** Usual names of its data file, without extension, outside a copy of the dataset. */
  readonly fileNames: readonly string[];
  /** @throws InputError naming the row and the field */
  items(rows: AsyncIterable<Row>): AsyncIterable<Item>;
}

/** `items` of a task whose rows are independent of one another. */
export function eachRow(itemOf: (row: Row) => Item): Task['items'] {
  return async function* items(rows) {
    for await (const row of rows) yield itemOf(row);
  };
}
