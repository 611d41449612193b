/** The talks that this browser keeps. */
import { download, fileName } from '../download.ts';
import { forget, openTalk, rename, type Talk, talk, talks } from '../talk.ts';
import { asMarkdown } from '../talkFile.ts';
import { NameField } from './nameField.tsx';
import { WhatIsKept } from './whatIsKept.tsx';

export function TalkShelf() {
  const all = talks.value;
  return (
    <details class="shelf">
      <summary>Your talks{all.length > 0 && `: ${all.length}`}</summary>
      <ul>
        {all.map((each) => (
          <Row key={each.id} talk={each} />
        ))}
      </ul>
      <p class="quiet">
        An exported talk opens on any device: drop its file on the page. <WhatIsKept />
      </p>
    </details>
  );
}

function Row({ talk: one }: { readonly talk: Talk }) {
  return (
    <li>
      <NameField of="talk" name={one.name} onRename={(name) => rename(one, name)} />
      <button
        type="button"
        class="small"
        aria-pressed={one.id === talk.value.id}
        onClick={() => void openTalk(one)}
      >
        Open
      </button>
      <button
        type="button"
        class="small"
        onClick={() => download(fileName(one.name, 'md'), asMarkdown(one), 'text/markdown')}
      >
        Export
      </button>
      <button type="button" class="small" onClick={() => void forget(one)}>
        Delete
      </button>
    </li>
  );
}
