/** The texts that this browser keeps. */
import { download, fileName } from '../download.ts';
import { deleteText, isCurrent, type KeptText, newText, openText, renameText, texts } from '../texts.ts';
import { NameField } from './nameField.tsx';
import { WhatIsKept } from './whatIsKept.tsx';

export function TextShelf() {
  const all = texts.value;
  return (
    <details class="shelf">
      <summary>Your texts{all.length > 0 && `: ${all.length}`}</summary>
      <ul>
        {all.map((one) => (
          <Row key={one.id} one={one} />
        ))}
      </ul>
      <p class="quiet">
        <button type="button" class="small" onClick={newText}>
          New text
        </button>{' '}
        <WhatIsKept />
      </p>
    </details>
  );
}

function Row({ one }: { readonly one: KeptText }) {
  return (
    <li>
      <NameField of="text" name={one.name} onRename={(name) => renameText(one, name)} />
      <button type="button" class="small" aria-pressed={isCurrent(one)} onClick={() => openText(one)}>
        Open
      </button>
      <button
        type="button"
        class="small"
        onClick={() => download(fileName(one.name, 'txt'), one.text, 'text/plain')}
      >
        Export
      </button>
      <button type="button" class="small" onClick={() => void deleteText(one)}>
        Delete
      </button>
    </li>
  );
}
