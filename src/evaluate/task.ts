/**
 * What a task is: where its data comes from, how a row becomes text, and which figures come out of the scores.
 * Definitions follow EleutherAI's lm-evaluation-harness 0.4; `version` goes up whenever scores could change.
 */

/** What the model is asked: how probable is `continuation` after `context`? */
export interface Request {
  /** Empty for a text that is scored as a whole. */
  readonly context: string;
  readonly continuation: string;
}

/** One line of a task's data, as requests and what their scores are judged by. */
export interface Item {
  /** File and row, for messages. */
  readonly where: string;
  readonly requests: readonly Request[];
  /** Of a question: index of the right choice. */
  readonly gold?: number;
  /** Of a question: characters of each choice, by which acc_norm divides; absent where that makes no sense. */
  readonly lengths?: readonly number[];
  /** Of a text: its size as the data has it, before it is rendered. */
  readonly size?: { readonly words: number; readonly bytes: number };
  /** Where the data set got it from, if it has several sources: samples take from each its share. */
  readonly source?: string;
  /** Place in the task's whole data, counted from 0. */
  readonly index?: number;
}

/** What the model said to a request. */
export interface RequestScore {
  /** Natural logarithm of the probability of the continuation. */
  readonly logLikelihood: number;
  /** Tokens of the continuation. */
  readonly tokens: number;
  /** Whether each of them was the likeliest. */
  readonly greedy: boolean;
  /** See TokenPair. */
  readonly encodedAlone?: true | undefined;
}

export interface Metric {
  readonly name: MetricName;
  readonly value: number;
  /** Standard error of `value`, where one is defined. */
  readonly standardError?: number;
}

export type MetricName =
  | 'acc'
  | 'acc_norm'
  | 'perplexity'
  | 'word_perplexity'
  | 'byte_perplexity'
  | 'bits_per_byte';

/**
 * `choice`: the right one of several continuations, or contexts, should be the most probable; `completion`: the
 * one continuation should be what the model would write; `text`: how well a text is foretold.
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
  /** Absent: the dataset has one. */
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
  /** Names of its file, without extension, as people have it outside of a copy of the dataset. */
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
