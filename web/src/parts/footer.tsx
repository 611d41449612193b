/** The foot of every page: engine, model, and whether the network is needed. */
import { formatBytes, formatCount } from '../../../src/format.ts';
import type { EngineChoice } from '../engine/protocol.ts';
import { readyOffline } from '../offline.ts';
import { addressOf, bundled, card, engineChoice, modelKept, open, source } from '../store.ts';

const engines: readonly (readonly [EngineChoice, string])[] = [
  ['auto', 'fastest there is'],
  ['gpu', 'WebGPU'],
  ['threads', 'WebAssembly, threads'],
  ['single', 'WebAssembly, one thread'],
];

export function Footer() {
  const model = card.value;
  const choose = (engine: EngineChoice) => {
    engineChoice.value = engine;
    if (source.value !== undefined) void open(source.value);
  };
  return (
    <footer class="footer">
      <p>
        {model ? (
          <>
            <span data-testid="engine">{model.engineName}</span>
            {' · '}
            {model.name}, {formatCount(model.parameters)} parameters in {formatBytes(model.weightBytes)}
          </>
        ) : (
          'Nothing leaves your device.'
        )}
        {model && readyOffline.value && modelKept.value && <> · works without a network from now on</>}
      </p>
      {model?.engineNote && <p>{model.engineNote}</p>}
      <p class="choices">
        <label>
          Compute with{' '}
          <select
            value={engineChoice.value}
            onChange={({ currentTarget }) => choose(currentTarget.value as EngineChoice)}
          >
            {engines.map(([value, label]) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
        </label>
        {(bundled.value?.length ?? 0) > 1 && <ModelChoice names={bundled.value!} />}
      </p>
    </footer>
  );
}

function ModelChoice({ names }: { readonly names: readonly string[] }) {
  return (
    <label>
      Model{' '}
      <select
        value={typeof source.value === 'string' ? source.value : ''}
        onChange={({ currentTarget }) => void open(currentTarget.value)}
      >
        {names.map((name) => (
          <option key={name} value={addressOf(name)}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
