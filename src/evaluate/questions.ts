/** Turns items into questions of token ids within the context length, and the model's answers into scores. */

import { InputError } from '../errors.ts';
import { show } from '../json.ts';
import type { LanguageModel } from '../languageModel.ts';
import { attends } from '../model/config.ts';
import type { Question, TokenScore } from '../run/scoring.ts';
import type { TextTokenizer } from '../text/tokenizer.ts';
import { RequestEncoder, rollingWindows, type TokenPair } from './encode.ts';
import { scoresByPosition } from './positions.ts';
import type { Item, RequestScore, Task } from './task.ts';

/** Questions of an item, and a function from their answers, in the same order, to the scores of its requests. */
export interface ItemQuestions {
  readonly questions: readonly Question[];
  scoresBy(answers: readonly TokenScore[][][]): readonly RequestScore[];
}

export class Questioner {
  readonly #tokenizer: TextTokenizer;
  readonly #vocabulary: number;
  readonly #encoder: RequestEncoder;
  /** Context length in tokens. */
  readonly #window: number;

  /** @throws InputError if the model has no tokenizer, or options do not fit it */
  constructor(
    { tokenizer, config }: LanguageModel,
    { bos, window }: { bos?: boolean | undefined; window: number },
  ) {
    if (!tokenizer) {
      throw new InputError(
        'model: found no tokenizer in its folder, expected tokenizer.json or tokenizer.model',
      );
    }
    if (!Number.isSafeInteger(window) || window < 1) {
      throw new InputError(`window: found ${show(window)}, expected an integer of 1 or more`);
    }
    const maxWindow = config.maxPositionEmbeddings;
    if (attends(config) && window > maxWindow) {
      throw new InputError(
        `window: found ${window}, expected at most ${maxWindow}, the context length of this model ` +
          '(max_position_embeddings)',
      );
    }
    this.#tokenizer = tokenizer;
    this.#vocabulary = config.vocabSize;
    this.#encoder = new RequestEncoder(tokenizer, bos);
    this.#window = window;
  }

  /** @throws InputError naming the row that cannot be scored */
  item({ scoring }: Pick<Task, 'scoring'>, { requests, where }: Item): ItemQuestions {
    try {
      if (scoring !== 'text') return this.#forkable(requests.map((request) => this.#encoder.pair(request)));
      const questions = this.text(requests[0]!.continuation);
      return { questions, scoresBy: (answers) => [this.#scoreText(questions, answers)] };
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      throw new InputError(`${where}: ${error.message}`, { cause: error });
    }
  }

  /** Returns questions that score every token of a text, in windows if it exceeds the context length. */
  text(text: string): Question[] {
    const windows = rollingWindows(this.#encoder.text(text), this.#encoder.prefix, this.#window);
    return windows.map((pair) => {
      this.#checkIds(pair);
      return { context: pair.context, continuations: [pair.continuation] };
    });
  }

  /** Combines the scores of a text's windows. The first window begins with a prefix that is no part of the text. */
  #scoreText(windows: readonly Question[], answers: readonly TokenScore[][][]): RequestScore {
    const positioned = windows.flatMap(({ context, continuations: [ids = []] }, window) => {
      const before = window === 0 ? 0 : context.length;
      return ids.map((id, k) => ({
        position: before + k,
        bytes: this.#tokenizer.isSpecial(id) ? 0 : this.#tokenizer.bytes(id).length,
        logProbability: answers[window]![0]![k]!.logProbability,
      }));
    });
    return { ...sumScores(answers.flat(2)), positions: scoresByPosition(positioned) };
  }

  /** Merges continuations of the same context into one question, so that the context is read once. */
  #forkable(pairs: readonly TokenPair[]): ItemQuestions {
    const asked = new Map<string, { context: readonly number[]; continuations: (readonly number[])[] }>();
    const places = pairs.map((pair) => {
      this.#checkIds(pair);
      const context = this.#fitting(pair);
      const key = context.join();
      const question = asked.get(key) ?? { context, continuations: [] };
      asked.set(key, question);
      return [key, question.continuations.push(pair.continuation) - 1] as const;
    });
    const order = [...asked.keys()];
    return {
      questions: [...asked.values()],
      scoresBy: (answers) =>
        places.map(([key, n], k) => ({
          ...sumScores(answers[order.indexOf(key)]![n]!),
          ...(pairs[k]!.encodedAlone ? { encodedAlone: true as const } : {}),
        })),
    };
  }

  /** Cuts a context from the left to the context length. The last token of the continuation is predicted, not read. */
  #fitting({ context, continuation }: TokenPair): readonly number[] {
    const room = this.#window + 1 - continuation.length;
    if (room < 1) {
      throw new InputError(
        `found a continuation of ${continuation.length} tokens, expected at most ${this.#window}`,
      );
    }
    return context.slice(-room);
  }

  #checkIds({ context, continuation }: TokenPair): void {
    const id = [...context, ...continuation].find((one) => one >= this.#vocabulary);
    if (id === undefined) return;
    throw new InputError(
      `tokenizer: found id ${id} (${show(this.#tokenizer.token(id))}), expected an id below the model's vocabulary ` +
        `size, ${this.#vocabulary}; use the model's own tokenizer`,
    );
  }
}

/** Combines the scores of tokens into the score of a continuation. */
function sumScores(tokens: readonly TokenScore[]): RequestScore {
  return {
    logLikelihood: tokens.reduce((sum, { logProbability }) => sum + logProbability, 0),
    tokens: tokens.length,
    greedy: tokens.every(({ greedy }) => greedy),
  };
}
