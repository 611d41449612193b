/**
 * The scaling law: families of models trained on the same tokens at several sizes, the loss of each against the
 * operations that its training took, and where the lines of two families cross.
 */
import { type Family, families } from '../families.ts';
import type { Study, StudyContext } from '../study.ts';
import { type Corpus, prepareCorpus, type TrainingOutcome, train } from '../training.ts';
import { matrixParameters, trainingFlops } from './flops.ts';
import { fullLadder, type Ladder, quickLadder, type Rung, shapeOf, tokensFor } from './ladder.ts';
import { reportOf } from './scalingReport.ts';
import { settingsFor } from './trainingPlan.ts';

export interface ScalingRow {
  readonly family: string;
  readonly rung: Rung;
  /** In matrices, without the embedding. */
  readonly parameters: number;
  readonly flops: number;
  readonly learningRate: number;
  /** Whether this run was one of the search for the best rate. */
  readonly search: boolean;
  readonly outcome: TrainingOutcome;
}

export interface ScalingResults {
  readonly ladder: Ladder;
  readonly corpus: Corpus;
  readonly rows: readonly ScalingRow[];
}

export const scaling: Study = {
  name: 'scaling',
  about: 'loss against training operations for a ladder of sizes, and where families cross',
  trains: true,
  async carryOut(context) {
    const ladder = context.options.quick ? quickLadder : fullLadder;
    const corpus = await prepareCorpus(context, ladder.vocabulary);
    const rows: ScalingRow[] = [];
    const climb = new Climb(context, ladder, corpus, async (row) => {
      rows.push(row);
      await context.publish(reportOf({ ladder, corpus, rows }, families, context.options.seed));
    });
    // Size by size, so that an unfinished study compares what it has.
    const rates = new Map<string, number>();
    for (const family of families) rates.set(family.name, await climb.findRate(family));
    for (const rung of ladder.rungs.slice(1)) {
      for (const family of families) await climb.train(family, rung, rates.get(family.name)!);
    }
  },
};

/** Rates double from one try to the next beyond the first grid. */
const mostExtensions = 3;

class Climb {
  readonly #context: StudyContext;
  readonly #ladder: Ladder;
  readonly #corpus: Corpus;
  readonly #onRow: (row: ScalingRow) => Promise<void>;

  constructor(
    context: StudyContext,
    ladder: Ladder,
    corpus: Corpus,
    onRow: (row: ScalingRow) => Promise<void>,
  ) {
    this.#context = context;
    this.#ladder = ladder;
    this.#corpus = corpus;
    this.#onRow = onRow;
  }

  /** The best learning rate of the smallest size. As long as it lies at the edge of those tried, one more is. */
  async findRate(family: Family): Promise<number> {
    const rung = this.#ladder.rungs[0]!;
    const losses = new Map<number, number>();
    const attempt = async (rate: number) => {
      const { loss = Number.POSITIVE_INFINITY } = await this.#run(family, rung, rate, true);
      losses.set(rate, loss);
    };
    for (const rate of family.training.rates) await attempt(rate);
    for (let extension = 0; ; extension++) {
      const rates = [...losses.keys()].sort((a, b) => a - b);
      const best = rates.reduce((one, other) => (losses.get(other)! < losses.get(one)! ? other : one));
      const beyond = best === rates[0] ? best / 2 : best === rates.at(-1) ? best * 2 : undefined;
      if (beyond === undefined || beyond > 1 || extension === mostExtensions) return best;
      await attempt(beyond);
    }
  }

  /** @param rate the best of the smallest size, which larger ones lower as the paper did */
  async train(family: Family, rung: Rung, rate: number): Promise<void> {
    const smallest = this.#parametersOf(family, this.#ladder.rungs[0]!);
    const growth = this.#parametersOf(family, rung) / smallest;
    await this.#run(family, rung, rate * growth ** -family.training.rateExponent, false);
  }

  async #run(family: Family, rung: Rung, learningRate: number, search: boolean): Promise<TrainingOutcome> {
    const { options, run } = this.#context;
    const corpus = this.#corpus;
    const config = family.config(shapeOf(rung, corpus.vocabulary));
    const parameters = matrixParameters(config);
    const tokens = tokensFor(parameters, corpus.tokens, this.#ladder);
    const settings = settingsFor(family, { ...this.#ladder, tokens, learningRate, seed: options.seed });
    const name = `${family.name}-${rung.layers}x${rung.hiddenSize}-${learningRate.toPrecision(3)}`;
    const outcome = await run(name, { config, settings, corpus }, (folder) =>
      train(folder, config, settings, corpus, this.#context),
    );
    const flops = trainingFlops(family, config, { tokens: outcome.tokens, length: settings.length });
    await this.#onRow({ family: family.name, rung, parameters, flops, learningRate, search, outcome });
    return outcome;
  }

  #parametersOf(family: Family, rung: Rung): number {
    return matrixParameters(family.config(shapeOf(rung, this.#corpus.vocabulary)));
  }
}
