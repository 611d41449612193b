/** The trained models that this browser keeps: named, opened on all pages, handed on as a file, deleted. */
import { useEffect } from 'preact/hooks';
import { formatBytes, formatCount } from '../../../src/format.ts';
import { download, fileName } from '../download.ts';
import { card, loading } from '../store.ts';
import {
  deleteTrained,
  listTrained,
  openTrained,
  renameTrained,
  type TrainedModel,
  trainedModels,
} from '../trained.ts';
import { NameField } from './nameField.tsx';
import { WhatIsKept } from './whatIsKept.tsx';

export function TrainedShelf() {
  useEffect(() => void listTrained(), []);
  const models = trainedModels.value;
  if (models.length === 0) return null;
  return (
    <section class="shelf trained" aria-labelledby="trained">
      <h2 id="trained">Models that you trained</h2>
      <ul>
        {models.map((model) => (
          <Row key={model.id} model={model} />
        ))}
      </ul>
      <p class="quiet">
        An opened model writes on all pages. A saved file opens on any device: drop it on the page Models, or
        unpack it with <code>tar -xf</code> for the command line. <WhatIsKept />
      </p>
    </section>
  );
}

function Row({ model }: { readonly model: TrainedModel }) {
  const { name, file, steps, parameters } = model;
  const size = [
    ...(parameters === undefined ? [] : [`${formatCount(parameters)} parameters`]),
    ...(steps === undefined ? [] : [`${steps} steps`]),
    formatBytes(file.size),
  ].join(' · ');
  return (
    <li>
      <NameField of="model" name={name} onRename={(changed) => renameTrained(model, changed)} />
      <span class="quiet size">{size}</span>
      <button
        type="button"
        class="small"
        disabled={loading.value !== undefined}
        aria-pressed={card.value?.name === name}
        onClick={() => void openTrained(model)}
      >
        Open
      </button>
      <button
        type="button"
        class="small"
        onClick={() => download(fileName(name, 'tar'), file, 'application/x-tar')}
      >
        Save as a file
      </button>
      <button type="button" class="small" onClick={() => void deleteTrained(model)}>
        Delete
      </button>
    </li>
  );
}
