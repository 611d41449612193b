/** The settings that models and studies were trained with. */
import type { TrainingSettings } from '../../src/train/settings.ts';
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
  return [...recorded, ...ofScaling()];
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
      warmup: 'a fiftieth of the steps',
      batch: `${ladder.batch} × ${ladder.length}`,
      tokens: `${ladder.tokensPerParameter} a parameter`,
      weightDecay: '0.01',
    };
  });
}
