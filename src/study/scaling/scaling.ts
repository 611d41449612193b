/**
 * The scaling law: families of models trained on the same tokens at several sizes, the loss of each against the
 * operations that its training took, and where the lines of two families cross.
 */
import { InputError } from '../../errors.ts';
import { formatCount } from '../../format.ts';
import { type Family, matmulFree, transformer } from '../families.ts';
import type { PlannedRun, Study, StudyContext } from '../study.ts';
import { type Corpus, prepareCorpus, type TrainingOutcome, train } from '../training.ts';
import { Pace, type TimedRun } from '../trainingTime.ts';
import { matrixParameters, trainingFlops } from './flops.ts';
import { fullLadder, type Ladder, quickLadder, type Rung, shapeOf, tokensFor } from './ladder.ts';
import { bestOf, optimumOf, type RateRule, rateFor, rateRule, searchRates } from './rates.ts';
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

/** How a family's learning rates follow from its search. */
export interface FamilyRates extends RateRule {
  readonly family: string;
}

export interface ScalingResults {
  readonly ladder: Ladder;
  readonly corpus: Corpus;
  readonly rows: readonly ScalingRow[];
  readonly rates: readonly FamilyRates[];
}

/** Those whose lines cross in the paper. */
const families: readonly Family[] = [matmulFree, transformer];

export const scaling: Study = {
  name: 'scaling',
  trains: true,
  families,
  spreads: true,
  async plan(context) {
    const ladder = ladderOf(context);
    const corpus = await prepareCorpus(context, ladder.vocabulary);
    return new Climb(context, ladder, corpus).plan();
  },
  async carryOut(context) {
    const ladder = ladderOf(context);
    await new Climb(context, ladder, await prepareCorpus(context, ladder.vocabulary)).carryOut();
  },
};

function ladderOf({ options }: StudyContext): Ladder {
  return options.quick ? quickLadder : fullLadder;
}

class Climb {
  readonly #context: StudyContext;
  readonly #families: readonly Family[];
  readonly #ladder: Ladder;
  readonly #corpus: Corpus;
  readonly #pace = new Pace();
  readonly #rows: ScalingRow[] = [];
  readonly #rules = new Map<string, RateRule>();

  constructor(context: StudyContext, ladder: Ladder, corpus: Corpus) {
    this.#context = context;
    this.#families = context.options.families ?? families;
    this.#ladder = ladder;
    this.#corpus = corpus;
  }

  /** Searches count as their grids; they often take a run or two more. */
  plan(): PlannedRun[] {
    const { rungs, searched } = this.#ladder;
    return rungs.flatMap((rung, place) =>
      this.#families.flatMap((family) => {
        const run = this.#timed(family, rung, 1);
        const what = `${formatCount(matrixParameters(run.config))} parameters, ${run.settings.steps} steps`;
        const tries = searched.includes(place) ? family.training.rates : [undefined];
        return tries.map((_, k) => ({
          name: `${family.name} ${rung.layers} × ${rung.hiddenSize}${tries.length > 1 ? `, rate ${k + 1}` : ''}`,
          what,
          seconds: this.#pace.estimate(run),
        }));
      }),
    );
  }

  /** The searches first; then size by size, so that an unfinished study compares what it has. */
  async carryOut(): Promise<void> {
    const { rungs, searched } = this.#ladder;
    const [first, second] = searched.map((place) => rungs[place]!) as [Rung, Rung];
    const searches = this.#families.map(async (family) => {
      const small = { width: first.hiddenSize, rate: await this.#search(family, first) };
      this.#rules.set(family.name, rateRule(small, undefined));
      const large = { width: second.hiddenSize, rate: await this.#search(family, second) };
      this.#rules.set(family.name, rateRule(small, large));
    });
    await Promise.all(searches);
    const others = rungs.filter((_, place) => !searched.includes(place));
    const runs = others.flatMap((rung) =>
      this.#families.map((family) =>
        this.#run(family, rung, rateFor(this.#rules.get(family.name)!, rung.hiddenSize), false),
      ),
    );
    await Promise.all(runs);
  }

  /** The best learning rate of a size. As long as it lies at the edge of those tried, one more is. */
  async #search(family: Family, rung: Rung): Promise<number> {
    const grid = family.training.rates;
    const known = this.#rules.get(family.name);
    // At a second size around what was best at the first, rounded to the grid so that names stay short.
    const centre = known ? nearest(known.at.rate, grid[0]!) : grid[1]!;
    const trials = await searchRates([centre / 2, centre, centre * 2], async (rate) => {
      const { loss = Number.POSITIVE_INFINITY } = await this.#run(family, rung, rate, true);
      return loss;
    });
    if (!Number.isFinite(bestOf(trials).loss)) {
      throw new InputError(
        `${family.name} at ${rung.layers} × ${rung.hiddenSize}: every learning rate tried diverged`,
      );
    }
    return optimumOf(trials);
  }

  #timed(family: Family, rung: Rung, learningRate: number) {
    const corpus = this.#corpus;
    const config = family.config(shapeOf(rung, corpus.vocabulary));
    const tokens = tokensFor(matrixParameters(config), corpus.tokens, this.#ladder);
    const { seed } = this.#context.options;
    const settings = settingsFor(family, { ...this.#ladder, tokens, learningRate, seed });
    return { family, config, settings } satisfies TimedRun;
  }

  async #run(family: Family, rung: Rung, rate: number, search: boolean): Promise<TrainingOutcome> {
    const learningRate = Number(rate.toPrecision(3));
    const corpus = this.#corpus;
    const timed = this.#timed(family, rung, learningRate);
    const { config, settings } = timed;
    const name = `${family.name}-${rung.layers}x${rung.hiddenSize}-${learningRate}`;
    const { tokens, vocabulary } = corpus;
    const outcome = await this.#context.run(
      name,
      { config, settings, corpus: { tokens, vocabulary } },
      (folder) => train(folder, config, settings, corpus, this.#context),
      this.#pace.estimate(timed),
    );
    if (outcome.failure === undefined) this.#pace.learn(timed, outcome.seconds);
    const flops = trainingFlops(family, config, { tokens: outcome.tokens, length: settings.length });
    const parameters = matrixParameters(config);
    this.#rows.push({ family: family.name, rung, parameters, flops, learningRate, search, outcome });
    const rates = [...this.#rules].map(([name, rule]) => ({ family: name, ...rule }));
    const results = { ladder: this.#ladder, corpus, rows: this.#rows, rates };
    await this.#context.publish(reportOf(results, this.#families, this.#context.options.seed));
    return outcome;
  }
}

/** The member of the grid first · 2^k that is nearest to a rate. */
function nearest(rate: number, first: number): number {
  return first * 2 ** Math.round(Math.log2(rate / first));
}
