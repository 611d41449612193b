/** Claims on what models take: time, memory, operations, energy. */
import { type PowerReport, scaledJoules } from '../../rtl/power/page.ts';
import type { ExecutedReport } from '../executed/format.ts';
import { type Claim, percent, range, requires } from './claim.ts';
import { json, studyResults } from './read.ts';

interface EfficiencyRow {
  readonly size: string;
  readonly batch: number;
  readonly mode: string;
  readonly measured: { readonly step: number; readonly usedBytes: number };
}

export function fusedBitLinear(): Claim {
  const { rows } = studyResults<{ rows: readonly EfficiencyRow[] }>('training-efficiency')!.data;
  /** What fusing saves where both recompute, or neither does. */
  const savings = (plainMode: string, fusedMode: string) =>
    rows
      .filter(({ mode }) => mode === fusedMode)
      .flatMap((row) => {
        const plain = rows.find(
          ({ mode, size, batch }) => mode === plainMode && size === row.size && batch === row.batch,
        );
        if (plain?.measured.step === undefined) return [];
        const [before, after] = [plain.measured, row.measured];
        return [{ faster: before.step / after.step - 1, less: 1 - after.usedBytes / before.usedBytes }];
      });
  const fused = savings('plain', 'fused');
  const recomputing = savings('plain-recomputing', 'recomputing');
  requires(
    fused.every(({ faster, less }) => faster > 0 && less > 0),
    'fusing saves time and memory in every cell',
  );
  const describe = (cells: typeof fused) =>
    `${range(
      cells.map(({ faster }) => faster),
      percent,
    )} faster, ${range(
      cells.map(({ less }) => less),
      percent,
    )} less memory`;
  return {
    claim: 'fused BitLinear trains 25.6 % faster in 61.0 % less memory',
    verdict: 'partly',
    effect: [
      describe(fused),
      recomputing.length > 0
        ? `where both recompute: ${describe(recomputing)}`
        : 'more only with recomputation, for which there is no plain arm',
      "the paper's batch cannot be: its operations would take an A100 at its peak five times the time that it gives",
    ].join('; '),
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
  readonly measured: {
    readonly usedBytes: number;
    readonly forward: number;
    readonly decodeJoules?: number;
  };
}

interface CountedRow {
  readonly size: string;
  readonly weightsIn: string;
  readonly keysAndValuesIn: string;
  readonly times: number;
}

export function inference(): Claim {
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
  const cuda = json<{ readonly data: { readonly rows: readonly InferenceRow[] } }>(
    'energy/inference/inference.json',
  )!;
  const ofCuda = (family: string) =>
    cuda.data.rows.find((one) => one.size === '13B' && one.family === family && !one.kvCacheType)!.measured;
  const [quick, dense] = [ofCuda('matmul-free'), ofCuda('transformer')];
  requires(quick.forward < fastest, 'MatMul-free through CUDA is faster than the fastest Transformer');
  return {
    claim: 'inference takes 11.6 times less memory and 4.6 times less time at 13B',
    verdict: 'partly',
    effect:
      `${memory.toFixed(1)} times less memory and ${time.toFixed(1)} times less time than a Transformer with bf16 weights and keys and ` +
      `values of 32 bits on the same engine; counted with keys and values of 16 bits, ${counted('bf16')} times less memory with bf16 ` +
      `weights, ${counted('int8')} with int8, ${counted('4 bits')} with 4 bits. Through CUDA MatMul-free takes ${quick.forward.toFixed(0)} ms; ` +
      `the fastest Transformer known here, PyTorch on an H100 in bf16, ${fastest} ms. Generating, the card uses ` +
      `${quick.decodeJoules!.toFixed(2)} J a token, ${(dense.decodeJoules! / quick.decodeJoules!).toFixed(1)} times less than Transformer++ (NVML)`,
    count: 'one model each, medians of five passes',
    scale: '13B, random weights, 2,048 tokens',
    command: 'npx plusminus study inference --engine webgpu',
    source: 'study/inference, energy/inference',
  };
}

interface OperationsRow {
  readonly family: string;
  readonly work: { readonly productMultiplications: number };
}

export function noMultiplication(): Claim {
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

export function accelerator(): Claim {
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
