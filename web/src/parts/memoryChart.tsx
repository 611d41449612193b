/** Memory compared with a transformer's: a constant line and a rising one. */
import { formatBytes } from '../../../src/format.ts';
import type { Anatomy } from '../engine/protocol.ts';
import { Curve } from './curve.tsx';

export function MemoryChart({ body, tokens }: { readonly body: Anatomy; readonly tokens: number }) {
  const { stateBytes, cacheBytesPerToken } = body;
  const reach = Math.max(100, 2 ** Math.ceil(Math.log2(Math.max(1, tokens) / 100)) * 100);
  const max = cacheBytesPerToken * reach;
  const cache = cacheBytesPerToken * tokens;
  return (
    <>
      <Curve
        lines={[
          {
            name: 'a transformer of the same shape',
            className: 'plus',
            points: [
              [0, 0],
              [tokens, cache],
            ],
            // Before the first token it would lie on the axis.
            endLabel: tokens === 0 ? '' : formatBytes(cache),
          },
          {
            name: 'this model',
            className: 'minus',
            points: [
              [0, stateBytes],
              [reach, stateBytes],
            ],
            endLabel: formatBytes(stateBytes),
          },
        ]}
        xMax={reach}
        yRange={[0, max]}
        xLabel="tokens"
        yLabel="Memory of what was read"
        formatY={(value) => formatBytes(Math.round(value))}
        summary={`After ${tokens} tokens this model holds ${formatBytes(stateBytes)}, a transformer would hold ${formatBytes(cache)}.`}
      />
      <p class="quiet">
        A transformer keeps keys and values of every token, {formatBytes(cacheBytesPerToken)} each as 16-bit
        floats; after 100,000 tokens that would be {formatBytes(100_000 * cacheBytesPerToken)}. This model
        would still hold {formatBytes(stateBytes)}.
      </p>
    </>
  );
}
