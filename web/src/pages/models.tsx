/** Choosing a model: from the catalogue, by a name or address, or from the reader's disk; and what the browser keeps. */
import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { type CatalogueEntry, catalogue } from '../../../src/checkpoint/catalogue.ts';
import { formatBytes, formatCount } from '../../../src/format.ts';
import { deleteKept, type KeptModel, keptModels } from '../../../src/platform/keptModels.ts';
import { isOf } from '../offline.ts';
import { Loading, Trouble } from '../parts/needsModel.tsx';
import { OwnModel } from '../parts/ownModel.tsx';
import { TrainedShelf } from '../parts/trainedShelf.tsx';
import { card, checkKept, loading, open, trouble } from '../store.ts';

const kept = signal<readonly KeptModel[]>([]);

async function refresh(): Promise<void> {
  kept.value = await keptModels();
  await checkKept();
}

/** WebAssembly's memory, less a little that the engine keeps. */
const maxCpuBytes = 2 ** 32 - 2 ** 26;

export default function Models() {
  const isLoading = loading.value !== undefined;
  useEffect(() => void refresh(), [isLoading]);
  return (
    <div class="page models">
      <h1>Models</h1>
      <p class="lead">Fetched once, kept in this browser, and run here.</p>
      {trouble.value && <Trouble />}
      {isLoading && <Loading />}
      {card.value && !isLoading && (
        <p role="status">
          {card.value.name} is open: {formatCount(card.value.parameters)} parameters,{' '}
          {formatBytes(card.value.weightBytes)} of weights. <a href="#write">Write with it</a>
        </p>
      )}
      <OwnModel />
      <TrainedShelf />
      <section aria-labelledby="catalogue">
        <h2 id="catalogue">Published models</h2>
        <ul class="list">
          {catalogue.map((entry) => (
            <Entry key={entry.name} entry={entry} />
          ))}
        </ul>
        <p class="quiet">
          Sizes are about right. Licenses are the publishers’. WebAssembly addresses{' '}
          {formatBytes(maxCpuBytes)}; a model that needs more is for WebGPU.
        </p>
      </section>
      <KeptModels />
    </div>
  );
}

function Entry({ entry }: { readonly entry: CatalogueEntry }) {
  const { name, parameters, bits, download, memory, license, goodFor } = entry;
  const isHere = kept.value.some(({ address, complete }) => complete && isOf(address, name));
  const onCpu = card.value !== undefined && card.value.engine !== 'gpu';
  const tooLarge = memory > maxCpuBytes;
  return (
    <li>
      <div>
        <b>{name}</b> {goodFor}
        <span class="quiet">
          {formatCount(parameters)} parameters of {bits} bits · {formatBytes(download)} to fetch ·{' '}
          {formatBytes(memory)} of memory · {license}
          {isHere && ' · kept in this browser'}
          {tooLarge && ' · too large for WebAssembly'}
        </span>
      </div>
      <button
        type="button"
        disabled={loading.value !== undefined || (tooLarge && onCpu)}
        onClick={() => void open(name)}
      >
        Open<span class="unseen"> {name}</span>
      </button>
    </li>
  );
}

function KeptModels() {
  if (kept.value.length === 0) return null;
  const total = kept.value.reduce((sum, { bytes }) => sum + bytes, 0);
  return (
    <section aria-labelledby="kept">
      <h2 id="kept">Kept in this browser: {formatBytes(total)}</h2>
      <ul class="list">
        {kept.value.map(({ address, bytes, complete }) => (
          <li key={address}>
            <div>
              {shortName(address)}
              <span class="quiet">
                {formatBytes(bytes)}
                {!complete && ' · not whole: open it again to resume'}
              </span>
            </div>
            <button type="button" onClick={() => void deleteKept(address).then(refresh)}>
              Delete<span class="unseen"> {shortName(address)}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Without what is the same for all. */
function shortName(address: string): string {
  const { origin, pathname } = new URL(address);
  const path = pathname.replace(/^\//, '').replace(/\/resolve\/[^/]+/, '');
  return origin === location.origin || origin === 'https://huggingface.co' ? path : `${origin}/${path}`;
}
