/** The progress of training: the falling loss, and samples of generated text. */
import { Curve } from './curve.tsx';

type Point = readonly [step: number, loss: number];

export interface ProgressProps {
  readonly losses: readonly Point[];
  readonly validations: readonly Point[];
  readonly samples: readonly { readonly step: number; readonly text: string }[];
  readonly steps: number;
  readonly tokensPerSecond: number;
  readonly secondsPerStep: number;
  readonly prompt: string;
}

export function Progress(props: ProgressProps) {
  const { losses, validations, samples, steps, tokensPerSecond, secondsPerStep, prompt } = props;
  const last = losses.at(-1);
  const all = [...losses, ...validations].map(([, loss]) => loss);
  const range = [Math.floor(Math.min(...all, 10)), Math.ceil(Math.max(...all, 1))] as const;
  const smooth = smoothed(losses);
  const end = smooth.at(-1)?.[1].toFixed(2) ?? '';
  return (
    <>
      <dl class="figures">
        <div>
          <dt>Step</dt>
          <dd>
            <span data-testid="step">{last?.[0] ?? 0}</span> of {steps}
          </dd>
        </div>
        <div>
          <dt>Loss</dt>
          <dd data-testid="loss">{last?.[1].toFixed(2) ?? '–'}</dd>
        </div>
        <div>
          <dt>Tokens a second</dt>
          <dd>{Math.round(tokensPerSecond) || '–'}</dd>
        </div>
        <div>
          <dt>Time left</dt>
          <dd>{timeLeft(steps - (last?.[0] ?? 0), secondsPerStep)}</dd>
        </div>
      </dl>
      {last && (
        <Curve
          lines={[
            { name: 'each step', className: 'faint', points: losses },
            { name: 'smoothed', className: 'strong', points: smooth, endLabel: end },
            { name: 'on text kept apart', className: 'apart', points: validations },
          ]}
          xMax={steps}
          yRange={range}
          xLabel="step"
          yLabel="Surprise at the next token, in nats"
          summary={`The loss fell from ${losses[0]![1].toFixed(2)} to ${end} in ${last[0]} steps.`}
        />
      )}
      {samples.length > 0 && (
        <section aria-labelledby="samples">
          <h2 id="samples">What it writes after “{prompt}”</h2>
          <ol class="samples">
            {samples.toReversed().map(({ step, text }) => (
              <li key={step}>
                <span class="when">{step === 0 ? 'before the first step' : `after ${step} steps`}</span>
                <q>{text.trim()}</q>
              </li>
            ))}
          </ol>
        </section>
      )}
    </>
  );
}

function timeLeft(steps: number, secondsPerStep: number): string {
  const seconds = steps * secondsPerStep;
  if (!(secondsPerStep > 0)) return '–';
  return seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}

/**
 * A moving mean over about a twentieth of the run on either side, so that it does not lag behind. The window narrows at
 * both ends.
 */
function smoothed(points: readonly Point[]): Point[] {
  const sums = [0];
  for (const [, loss] of points) sums.push(sums.at(-1)! + loss);
  const maxReach = Math.max(2, Math.round(points.length / 20));
  return points.map(([step], index) => {
    const reach = Math.min(maxReach, index, Math.max(2, points.length - 1 - index));
    const [first, end] = [index - reach, Math.min(points.length, index + reach + 1)];
    return [step, (sums[end]! - sums[first]!) / (end - first)] as const;
  });
}
