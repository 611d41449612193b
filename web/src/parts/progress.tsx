/** How training goes: the loss as it falls, and what the model writes on the way. */
import { Curve } from './curve.tsx';

type Point = readonly [step: number, loss: number];

export interface ProgressProps {
  readonly losses: readonly Point[];
  readonly validations: readonly Point[];
  readonly samples: readonly { readonly step: number; readonly text: string }[];
  readonly steps: number;
  readonly tokensPerSecond: number;
  readonly prompt: string;
}

export function Progress({ losses, validations, samples, steps, tokensPerSecond, prompt }: ProgressProps) {
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

/** An exponential mean over about fifteen steps. */
function smoothed(points: readonly Point[]): Point[] {
  let mean = points[0]?.[1] ?? 0;
  return points.map(([step, loss], index) => {
    const weight = Math.max(1 / 15, 1 / (index + 1));
    mean += weight * (loss - mean);
    return [step, mean] as const;
  });
}
