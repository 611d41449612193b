/**
 * The paper's claims, each with a verdict, the size of the effect, and the runs behind it, from the files in results/.
 * A verdict states what must hold for it; if the files no longer say so, writing the page fails.
 */
import { type PowerReport, scaledJoules } from '../../rtl/power/page.ts';
import type { ArmRow } from '../../src/study/arms/arms.ts';
import { type Estimate, formatEstimate } from '../../src/study/statistics.ts';
import type { ExecutedReport } from '../executed/format.ts';
import { equalLoss, type ScalingRow } from './equalLoss.ts';
import { json, log, studyResults } from './read.ts';

export interface Claim {
  readonly claim: string;
  readonly verdict: 'holds' | 'partly' | 'not' | 'undecided';
  /** Size of the effect, with an interval where there is one. */
  readonly effect: string;
  /** Runs, items or cells behind it, and seeds. */
  readonly count: string;
  readonly scale: string;
  readonly command: string;
  readonly source: string;
}

/** @throws if the stored results no longer say what a verdict rests on */
function requires(holds: boolean, what: string): void {
  if (!holds) throw new Error(`claims: found results that no longer say that ${what}; judge the claim again`);
}

const percent = (share: number, digits = 1) => `${(100 * share).toFixed(digits)} %`;
const range = (values: readonly number[], format: (value: number) => string) =>
  `${format(Math.min(...values))} to ${format(Math.max(...values))}`;

function stableTraining(): Claim {
  const scaling = studyResults<{ rows: readonly ScalingRow[] }>('scaling')!;
  const rows = scaling.data.rows.filter(({ family }) => family === 'matmul-free');
  const validations = log('stories/base/log.jsonl').filter(({ set }) => set === 'valid.stories');
  const [first, last] = [validations[0]!, validations.at(-1)!];
  requires(
    rows.every(({ outcome }) => outcome.loss !== undefined),
    'no MatMul-free run of the ladder diverged',
  );
  return {
    claim: 'MatMul-free models train stably',
    verdict: 'holds',
    effect: `none of ${rows.length + 1} runs diverged; ${Number(first.bitsPerByte).toFixed(3)} to ${Number(last.bitsPerByte).toFixed(3)} bits a byte of held-out books`,
    count: `${rows.length + 1} runs, one seed`,
    scale: 'up to 42 M parameters, 360 M tokens',
    command: 'npx node recipes/stories/run.ts CORPUS WORK --engine webgpu',
    source: 'stories, study/scaling',
  };
}

interface RoundingData {
  readonly parameters: number;
  readonly plan: { readonly tokens: number };
  readonly rows: readonly ArmRow[];
  readonly effects: readonly { readonly question: string; readonly estimate: Estimate }[];
}

/** What the study of rounding found on a question, if it has runs for it. */
function roundingEffect(question: string) {
  const study = studyResults<RoundingData>('rounding');
  const found = study?.data.effects.find((one) => one.question.startsWith(question));
  return study && found ? { data: study.data, estimate: found.estimate } : undefined;
}

const ofRounding = {
  command: 'npx plusminus study rounding --engine cuda --data CORPUS',
  source: 'study/rounding',
};

const scaleOf = ({ parameters, plan }: Pick<RoundingData, 'parameters' | 'plan'>) =>
  `${(parameters / 1e6).toFixed(1)} M parameters, ${(plan.tokens / 1e6).toFixed(1)} M tokens`;

function ternaryAttention(): Claim {
  const claim = 'attention with ternary queries and keys fails to converge, and the MLGRU does not';
  const beside = roundingEffect('ternary queries and keys beside the MLGRU')!;
  const float = roundingEffect('ternary queries and keys beside float')!;
  const own = beside.data.rows.filter(({ arm }) => arm === 'bitnet-ternary-scores');
  const diverged = own.filter(({ outcome }) => outcome.loss === undefined).length;
  const { mean, halfWidth = Number.POSITIVE_INFINITY } = beside.estimate;
  requires(diverged < own.length, 'attention with ternary queries and keys trains');
  requires(mean - halfWidth > 0, 'it loses to the MLGRU');
  requires(float.estimate.mean - float.estimate.halfWidth! > 0, 'it loses to float queries and keys');
  return {
    ...ofRounding,
    claim,
    verdict: 'partly',
    effect:
      `${diverged} of ${own.length} runs diverged: it trains, and ends ${formatEstimate(beside.estimate, 4)} nats a token ` +
      `above the MLGRU, and ${formatEstimate(float.estimate, 4)} above attention with float queries and keys`,
    count: `${own.length} runs at three rates, ${beside.estimate.count} seeds at the best`,
    scale: scaleOf(beside.data),
  };
}

function roundingCosts(): Claim {
  const [mlgru, attention] = ['the MLGRU', 'attention'].map(
    (under) => roundingEffect(`rounding weights, under ${under}`)!,
  ) as [NonNullable<ReturnType<typeof roundingEffect>>, NonNullable<ReturnType<typeof roundingEffect>>];
  const { estimate } = roundingEffect('interaction')!;
  requires(estimate.mean + estimate.halfWidth! < 0, 'rounding weights costs the MLGRU less than attention');
  return {
    ...ofRounding,
    claim: 'ternary weights suit the MLGRU better than attention (asked here)',
    // One size, and docs/log.md has a run of other blocks that disagrees.
    verdict: 'partly',
    effect:
      `rounding costs ${formatEstimate(mlgru.estimate, 4)} nats a token under the MLGRU, ` +
      `${formatEstimate(attention.estimate, 4)} under attention (with Llama's blocks, to which rounding adds norms); difference ` +
      `${formatEstimate(estimate, 4)}; one size, and a run of BitNet's blocks disagrees ([log](../docs/log.md))`,
    count: `four arms, ${mlgru.estimate.count} seeds of each at its best of three rates or four`,
    scale: scaleOf(mlgru.data),
  };
}

interface Report {
  readonly average: number;
  readonly tasks: readonly {
    readonly task: string;
    readonly items: number;
    readonly headline: string;
    readonly metrics: readonly {
      readonly name: string;
      readonly value: number;
      readonly standardError: number;
    }[];
  }[];
}

function zeroShot(): Claim {
  const [own, beside] = ['stories', 'llama'].map((name) => {
    const { tasks } = json<Report>(`stories/evaluation/${name}-webgpu-tasks-500.json`)!;
    const headline = tasks.map(({ metrics, headline }) => metrics.find(({ name }) => name === headline)!);
    const average = headline.reduce((sum, { value }) => sum + value, 0) / headline.length;
    const error = Math.sqrt(headline.reduce((sum, one) => sum + one.standardError ** 2, 0)) / headline.length;
    return { average, error, items: tasks.reduce((sum, { items }) => sum + items, 0) };
  }) as [
    { average: number; error: number; items: number },
    { average: number; error: number; items: number },
  ];
  const difference = own.average - beside.average;
  const error = Math.hypot(own.error, beside.error);
  requires(Math.abs(difference) < 2 * error, 'zero-shot scores do not differ by two standard errors');
  const whole = json<Report>('stories/evaluation/stories-cuda-tasks.json')!;
  const items = whole.tasks.reduce((sum, one) => sum + one.items, 0);
  requires(Math.abs(whole.average - 1 / 3) < 0.02, 'the average of the whole sets is near chance');
  return {
    claim: 'zero-shot scores near Transformer++',
    verdict: 'undecided',
    effect: `${percent(own.average)} against ${percent(beside.average)} on average, difference ${percent(difference)} ± ${percent(error)} (standard error, unpaired); on whole sets ${percent(whole.average)}; chance is 33.3 %`,
    count: `${own.items} items of six tasks, the first rows of each; whole sets have ${items.toLocaleString('en')}; one seed`,
    scale: '42 M parameters, 360 M tokens',
    command: 'npx node recipes/stories/evaluate.ts models/stories --corpus CORPUS --tasks DATA',
    source: 'stories/evaluation',
  };
}

function scalingLaw(): Claim {
  const { data } = studyResults<{
    rows: readonly ScalingRow[];
    fits: readonly { family: string; slope: number }[];
    crossing: { kind: string };
  }>('scaling')!;
  const slope = (family: string) => data.fits.find((fit) => fit.family === family)!.slope;
  const ratios = equalLoss(data.rows, 'matmul-free', 'transformer');
  requires(data.crossing.kind === 'never', 'the lines of the two families do not cross');
  requires(slope('matmul-free') > slope('transformer'), "MatMul-free's loss falls more slowly");
  return {
    claim: "the loss falls faster with training operations than Transformer++'s, and the lines cross",
    verdict: 'undecided',
    effect:
      `not seen: C^${slope('matmul-free').toFixed(3)} against C^${slope('transformer').toFixed(3)}; at equal loss ` +
      `MatMul-free takes ${ratios[0]!.toFixed(1)} to ${ratios.at(-1)!.toFixed(1)} times the operations, more with size`,
    count: `${data.rows.length} runs, one seed; the rest of the fits is curved`,
    scale: '0.4 to 3.5 M parameters; the paper has 370 M to 2.7 B',
    command: 'npx plusminus study scaling --engine webgpu --data CORPUS',
    source: 'study/scaling',
  };
}

interface EfficiencyRow {
  readonly size: string;
  readonly batch: number;
  readonly mode: string;
  readonly measured: { readonly step: number; readonly usedBytes: number };
}

function fusedBitLinear(): Claim {
  const { data } = studyResults<{ rows: readonly EfficiencyRow[] }>('training-efficiency')!;
  const beside = (mode: string) =>
    data.rows
      .filter((row) => row.mode === mode)
      .map((row) => {
        const plain = data.rows.find(
          (one) => one.mode === 'plain' && one.size === row.size && one.batch === row.batch,
        )!;
        return {
          faster: plain.measured.step / row.measured.step - 1,
          less: 1 - row.measured.usedBytes / plain.measured.usedBytes,
        };
      });
  const fused = beside('fused');
  requires(
    fused.every(({ faster, less }) => faster > 0 && less > 0),
    'fusing saves time and memory in every cell',
  );
  const [time, memory] = [fused.map(({ faster }) => faster), fused.map(({ less }) => less)];
  return {
    claim: 'fused BitLinear trains 25.6 % faster in 61.0 % less memory',
    verdict: 'partly',
    effect: `${range(time, percent)} faster, ${range(memory, percent)} less memory; more only with recomputation, for which there is no plain arm`,
    count: `${fused.length} sizes and batches, medians of five steps`,
    scale: '370M and 1.3B, random weights',
    command: 'npx plusminus study training-efficiency --engine webgpu',
    source: 'study/training-efficiency',
  };
}

interface InferenceRow {
  readonly size: string;
  readonly family: string;
  readonly kvCacheType?: string;
  readonly measured: { readonly usedBytes: number; readonly forward: number };
}

interface CountedRow {
  readonly size: string;
  readonly weightsIn: string;
  readonly keysAndValuesIn: string;
  readonly times: number;
}

function inference(): Claim {
  const { data } = studyResults<{
    rows: readonly InferenceRow[];
    counted: readonly CountedRow[];
  }>('inference')!;
  const row = (family: string) =>
    data.rows.find(
      ({ size, family: name, kvCacheType }) => size === '13B' && name === family && !kvCacheType,
    )!;
  const [own, beside] = [row('matmul-free'), row('transformer')];
  const memory = beside.measured.usedBytes / own.measured.usedBytes;
  const counted = (weights: string) =>
    data.counted
      .find((one) => one.size === '13B' && one.weightsIn === weights && one.keysAndValuesIn === 'f16')!
      .times.toFixed(1);
  const time = beside.measured.forward / own.measured.forward;
  requires(memory < 11.6 && time < 4.6 && memory > 1 && time > 1, 'the factors are smaller than the paper’s');
  const fastest = json<{ readonly huggingFaceLlama: { readonly prompt2048Of13BMilliseconds: number } }>(
    'others.json',
  )!.huggingFaceLlama.prompt2048Of13BMilliseconds;
  requires(fastest < own.measured.forward, 'the fastest Transformer is faster');
  return {
    claim: 'inference takes 11.6 times less memory and 4.6 times less time at 13B',
    verdict: 'partly',
    effect:
      `${memory.toFixed(1)} times less memory and ${time.toFixed(1)} times less time than a Transformer with bf16 weights and keys and ` +
      `values of 32 bits on the same engine; counted with keys and values of 16 bits, ${counted('bf16')} times less memory with bf16 ` +
      `weights, ${counted('int8')} with int8, ${counted('4 bits')} with 4 bits. Not faster than the fastest Transformer: PyTorch on an ` +
      `H100 takes ${fastest} ms in bf16, MatMul-free ${own.measured.forward.toFixed(0)} ms here`,
    count: 'one model each, medians of five passes',
    scale: '13B, random weights, 2,048 tokens',
    command: 'npx plusminus study inference --engine webgpu',
    source: 'study/inference',
  };
}

interface SchedulesData {
  readonly parameters: number;
  readonly plan: { readonly tokens: number };
  readonly rows: readonly ArmRow[];
  readonly differences: readonly { readonly arm: string; readonly estimate: Estimate }[];
  readonly falls: readonly { readonly arm: string; readonly quarters: readonly Estimate[] }[];
}

function schedule(): Claim {
  const { data } = studyResults<SchedulesData>('schedules')!;
  const beside = (arm: string) => data.differences.find((one) => one.arm === arm)!.estimate;
  const [zero, tenth, constant] = [beside('cosine to zero'), beside('cosine to a tenth'), beside('constant')];
  requires(zero.mean + zero.halfWidth! < 0, "a cosine to zero is better than the paper's schedule");
  requires(
    [tenth, constant].every(({ mean, halfWidth }) => mean - halfWidth! > 0),
    "schedules that do not end at zero are worse than the paper's",
  );
  const falls = data.falls.find(({ arm }) => arm === 'paper')!.quarters.map(({ mean }) => mean);
  requires(falls[0]! > falls[1]! && falls[1]! > falls[2]!, 'the loss falls more slowly in each quarter');
  const seeds = zero.count;
  return {
    claim: 'the learning rate goes to zero and is halved midway; the loss curve is S-shaped',
    verdict: 'partly',
    effect:
      `to zero: yes, a cosine to a tenth ends ${formatEstimate(tenth, 4)} nats a token above the paper's schedule, a constant ` +
      `rate ${formatEstimate(constant, 4)}; halved midway: no, the cosine to zero without it ends ` +
      `${formatEstimate({ ...zero, mean: -zero.mean }, 4)} below it. The loss bends down where the rate is halved, but falls less in each quarter: ` +
      `${falls.map((fall) => fall.toFixed(2)).join(', ')} in the second to the last`,
    count: `${data.rows.length} runs, ${seeds} seeds of each at its best of three rates or four`,
    scale: scaleOf(data),
    command: 'npx plusminus study schedules --engine cuda --data CORPUS',
    source: 'study/schedules',
  };
}

interface OperationsRow {
  readonly family: string;
  readonly work: { readonly productMultiplications: number };
}

function noMultiplication(): Claim {
  const { data } = studyResults<{ rows: readonly OperationsRow[] }>('operations')!;
  const own = data.rows.filter(({ family }) => family === 'matmul-free');
  requires(
    own.every(({ work }) => work.productMultiplications === 0),
    'MatMul-free products count no multiplication',
  );
  const { model, rows } = json<ExecutedReport>('executed.json')!;
  const token = rows.find(({ pass }) => pass === 'decode')!;
  requires(
    token.executed['8-bit integers'] === token.algorithm.integerAdditions,
    'each addition of the algorithm is one product of 8-bit integers on the CPU',
  );
  return {
    claim: 'products need no multiplication',
    verdict: 'partly',
    effect:
      'of the algorithm: 0 multiplications in its products, by the cost that ops declare. Executed on the CPU: each of the ' +
      `${token.algorithm.integerAdditions.toLocaleString('en')} additions that a token of ${model} takes is a product of 8-bit ` +
      `integers, and ${token.executed['32-bit floats'].toLocaleString('en')} products of floats come on top; GPU kernels ` +
      'multiply integers likewise; only the accelerator adds',
    count: `${own.length} programs declared, ${rows.length} executed and counted`,
    scale: '42 M executed; 370M to 13B declared',
    command: 'npx node bench/executed.ts',
    source: 'executed.md, study/operations',
  };
}

interface SimulatedAccelerator {
  readonly blocks: readonly {
    readonly clockMHz: number;
    readonly width: number;
    readonly cores: number;
    readonly milliseconds: number;
  }[];
  readonly models: readonly {
    readonly clockMHz: number;
    readonly model: string;
    readonly cores: number;
    readonly tokensPerSecond: number;
  }[];
}

/** MHz, of the paper's core. */
const paperClock = 60;

function accelerator(): Claim {
  const { paper } = json<{
    readonly paper: {
      readonly accelerator: {
        readonly blockMilliseconds: number;
        readonly watts: number;
        readonly 'estimated1.3B': { readonly tokensPerSecond: number; readonly watts: number };
      };
    };
  }>('others.json')!;
  const theirs = paper.accelerator;
  const { blocks, models } = json<SimulatedAccelerator>('accelerator.json')!;
  const placed = json<{ readonly placed?: { readonly clocksMHz: readonly number[] } }>('rtl.json')?.placed;
  const same = (row: { readonly clockMHz: number; readonly cores: number }) =>
    row.clockMHz === paperClock && row.cores === 1;
  const block = blocks.find((row) => same(row) && row.width === 512)!;
  const model = models.find((row) => same(row) && row.model === '1.3B')!;
  const estimate = theirs['estimated1.3B'];
  const { total: joules } = scaledJoules(json<PowerReport>('accelerator-power.json')!);
  requires(block.milliseconds < theirs.blockMilliseconds, "a block takes less than the paper's time");
  requires(
    model.tokensPerSecond < estimate.tokensPerSecond,
    "the paper's 1.3B is faster than one port allows",
  );
  const milli = (value: number, digits = 1) => `${(1000 * value).toFixed(digits)} mJ`;
  return {
    claim: 'an FPGA core runs it at 13 W',
    verdict: placed ? 'partly' : 'undecided',
    effect: [
      `a core runs it: ${block.milliseconds.toFixed(3)} ms a block in simulated SystemVerilog, the paper ${theirs.blockMilliseconds} ms` +
        (placed
          ? `; a small accelerator placed on an ECP5, ${Math.max(...placed.clocksMHz).toFixed(1)} MHz`
          : ''),
      `its ${estimate.tokensPerSecond} tokens/s of 1.3B are more than a port of 512 bits carries at 60 MHz: ${model.tokensPerSecond.toFixed(1)} here`,
      `power is undecided, as no board has run it: from what toggles in waveforms of the RTL a token takes an estimated ${milli(joules)}, the paper says ${milli(estimate.watts / estimate.tokensPerSecond, 0)} in all`,
    ].join('; '),
    count: 'one core, simulated to the cycle',
    scale: '512-wide block to 1.3B',
    command: 'npx node rtl/power.ts',
    source: 'accelerator.md, accelerator-power.md',
  };
}

/** In the order of the paper. */
export function claims(): readonly Claim[] {
  return [
    stableTraining(),
    ternaryAttention(),
    roundingCosts(),
    zeroShot(),
    scalingLaw(),
    fusedBitLinear(),
    inference(),
    schedule(),
    noMultiplication(),
    accelerator(),
  ];
}
