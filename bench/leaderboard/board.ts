/** Rows of the leaderboard: what a training may cost, what it cost, and how well the model then predicts. */
import { architectureOf } from '../../src/model/architecture.ts';
import { attends, type ModelConfig } from '../../src/model/config.ts';
import { Weights } from '../../src/model/weights.ts';
import { elementCount } from '../../src/program/tensor.ts';
import { recordTypicalStep } from '../../src/run/steps.ts';
import { energyOf, energyTables } from '../../src/study/operations/energy.ts';
import { workOf } from '../../src/study/operations/work.ts';
import { trainingFlops } from '../../src/study/scaling/flops.ts';

export interface Budget {
  /** Training operations, counted as in the study of scaling. */
  readonly operations: number;
  /** Of weights as they are shipped: 2 bits a ternary weight, 16 bits any other. */
  readonly bytes: number;
  /** Of training, counted: 7 nm, three forward passes a token. */
  readonly joules: number;
}

export interface Entry {
  readonly name: string;
  readonly architecture: string;
  readonly parameters: number;
  readonly bytes: number;
  readonly tokens: number;
  readonly operations: number;
  readonly joules: number;
  readonly learningRate: number;
  readonly seed: number;
  readonly bitsPerByte: number;
  readonly config: object;
}

export interface Board {
  readonly text: string;
  readonly budget: Budget;
  readonly entries: readonly Entry[];
}

/** Tokens of a window, and windows of a step. */
export const [length, batch] = [128, 8];

export interface Cost {
  readonly parameters: number;
  readonly bytes: number;
  /** Of a trained token. */
  readonly operations: number;
  readonly joules: number;
}

export function costOf(config: ModelConfig): Cost {
  const architecture = architectureOf(config);
  const specs = architecture.parameters();
  const [parameters, bits] = specs.reduce(
    ([count, sum], { shape, role }) => {
      const size = elementCount(shape);
      return [count + size, sum + size * (role === 'ternary' ? 2 : 16)];
    },
    [0, 0],
  );
  const contextProducts = attends(config) ? 1 : 0;
  const weights = new Weights(specs, 'inference');
  const work = workOf(recordTypicalStep({ architecture, weights }, length, 'all', length));
  const { arithmetic, memory } = energyOf(work, energyTables[1]!);
  return {
    ...{ parameters, bytes: Math.ceil(bits / 8) },
    operations: trainingFlops({ contextProducts }, config, { tokens: 1, length }),
    joules: (3 * (arithmetic + memory)) / length,
  };
}

/**
 * The steps that a budget pays for.
 * @throws if the weights alone exceed it, or fewer than ten steps are left
 */
export function stepsWithin({ operations, bytes, joules }: Budget, cost: Cost): number {
  if (cost.bytes > bytes) throw new Error(`bytes: found ${cost.bytes} of weights, expected at most ${bytes}`);
  const tokens = Math.min(operations / cost.operations, joules / cost.joules);
  const steps = Math.floor(tokens / (batch * length));
  if (steps < 10) throw new Error(`budget: found ${steps} steps, expected at least 10; take a smaller model`);
  return steps;
}

/** Replaces what the same name and seed had, best first. */
export function withEntry(board: Board, entry: Entry): Board {
  const others = board.entries.filter(({ name, seed }) => name !== entry.name || seed !== entry.seed);
  const entries = [...others, entry].sort((a, b) => a.bitsPerByte - b.bitsPerByte);
  return { ...board, entries };
}

export function formatBoard({ text, budget, entries }: Board): string {
  const head = ['', 'bits a byte', 'parameters', 'bytes', 'tokens', 'operations', 'joules', 'rate', 'seed'];
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rows = entries.map((one) => [
    ...[one.name, one.bitsPerByte.toFixed(3), one.parameters.toLocaleString('en')],
    ...[one.bytes.toLocaleString('en'), one.tokens.toLocaleString('en'), one.operations.toExponential(2)],
    ...[one.joules.toFixed(2), `${one.learningRate}`, `${one.seed}`],
  ]);
  return `# Leaderboard

Text: ${text}. Budget: ${budget.operations.toExponential(1)} training operations, ${budget.bytes.toLocaleString('en')} bytes of
weights, ${budget.joules} J of training, whichever ends first. Operations, bytes and joules are counted, so a row is the same on any machine, up
to the rounding of its engine; bits a byte are those of windows kept out of training. \`npx node bench/leaderboard.ts --config config.json --name NAME\` trains
any configuration that the project reads and writes its row; [docs/studies.md](../docs/studies.md) says how to submit it.

${[line(head), line(head.map((_, k) => (k === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n')}
`;
}
