/** The settings that models and studies were trained with. */
import { type ArmRow, bestRows } from '../../src/study/arms/arms.ts';
import type { TrainingSettings } from '../../src/train/settings.ts';
import { roundingStudies } from './quality.ts';
import { json, studyResults } from './read.ts';

export interface Hyperparameters {
  readonly what: string;
  readonly learningRate: string;
  readonly schedule: string;
  readonly warmup: string;
  readonly batch: string;
  readonly tokens: string;
  readonly weightDecay: string;
}

/** The recorded runs, then the studies, whose other settings are those of src/study/scaling/trainingPlan.ts. */
export function hyperparameters(): readonly Hyperparameters[] {
  const runs = [
    ['stories (MatMul-free, 42 M)', 'stories/base'],
    ['Transformer++ beside it', 'stories/llama'],
    ['chat, from stories', 'chat'],
  ] as const;
  const recorded = runs.flatMap(([what, folder]) => {
    const file = json<{ readonly settings: TrainingSettings }>(`${folder}/training.json`);
    return file ? [ofSettings(what, file.settings)] : [];
  });
  return [
    ...recorded,
    ...ofScaling(),
    ...ofLadder(),
    ...roundingStudies.flatMap((study) => ofArms(study, () => 'cosine to zero')),
    ...ofArms('schedules', (arm) => arm),
  ];
}

function ofSettings(what: string, settings: TrainingSettings): Hyperparameters {
  const { learningRate, schedule, warmup, batch, length, accumulation, steps, weightDecay } = settings;
  return {
    what,
    learningRate: `${learningRate}`,
    schedule,
    warmup: `${warmup} steps`,
    batch: `${batch} × ${length}${accumulation > 1 ? ` × ${accumulation}` : ''}`,
    tokens: `${((steps * batch * length * accumulation) / 1e6).toFixed(1)} M`,
    weightDecay: `${weightDecay}`,
  };
}

interface ScalingData {
  readonly ladder: { readonly batch: number; readonly length: number; readonly tokensPerParameter: number };
  readonly rows: readonly {
    readonly family: string;
    readonly learningRate: number;
    readonly search: boolean;
  }[];
}

function ofScaling(): Hyperparameters[] {
  const study = studyResults<ScalingData>('scaling');
  if (!study) return [];
  const { ladder, rows } = study.data;
  return [...new Set(rows.map(({ family }) => family))].map((family) => {
    const rates = rows
      .filter((row) => row.family === family && !row.search)
      .map(({ learningRate }) => learningRate);
    return {
      what: `study scaling, ${family}`,
      learningRate: [...new Set(rates)].join(', '),
      schedule: family === 'matmul-free' ? 'matmulfree' : 'cosine',
      ...ofPlan(ladder),
      tokens: `${ladder.tokensPerParameter} a parameter`,
    };
  });
}

interface LadderData {
  readonly plan: { readonly batch: number; readonly length: number; readonly tokens: readonly number[] };
  readonly rows: ScalingData['rows'];
}

function ofLadder(): Hyperparameters[] {
  const study = studyResults<LadderData>('ladder');
  if (!study) return [];
  const { plan } = study.data;
  const rows = study.data.rows.filter(({ search }) => !search);
  return [...new Set(rows.map(({ family }) => family))].map((family) => {
    const rates = rows.filter((row) => row.family === family).map(({ learningRate }) => learningRate);
    return {
      what: `study ladder, ${family}`,
      learningRate: [...new Set(rates)].sort((a, b) => b - a).join(', '),
      schedule: family === 'matmul-free' ? 'matmulfree' : 'cosine',
      ...ofPlan(plan),
      tokens: plan.tokens.map((tokens) => `${(tokens / 1e6).toFixed(1)} M`).join(', '),
    };
  });
}

interface ArmsData {
  readonly plan: { readonly batch: number; readonly length: number; readonly tokens: number };
  readonly rows: readonly ArmRow[];
}

/** The best rate of each arm, with which all its seeds trained. */
function ofArms(name: string, scheduleOf: (arm: string) => string): Hyperparameters[] {
  const study = studyResults<ArmsData>(name);
  if (!study) return [];
  const { plan, rows } = study.data;
  return [...new Set(rows.map(({ arm }) => arm))].map((arm) => ({
    what: `study ${name}, ${arm}`,
    learningRate: `${bestRows(rows, arm)[0]!.learningRate}`,
    schedule: scheduleOf(arm),
    ...ofPlan(plan),
    tokens: `${(plan.tokens / 1e6).toFixed(1)} M`,
  }));
}

/** What all studies that train share: see src/study/scaling/trainingPlan.ts. */
function ofPlan({ batch, length }: { readonly batch: number; readonly length: number }) {
  return { warmup: 'a fiftieth of the steps', batch: `${batch} × ${length}`, weightDecay: '0.01' };
}
