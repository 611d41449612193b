/** The talks that this browser keeps. */
import { useSignal } from '@preact/signals';
import { download, fileName } from '../download.ts';
import { eraseAll, keeps } from '../keep.ts';
import { asMarkdown, forget, newTalk, openTalk, rename, type Talk, talk, talks } from '../talk.ts';

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
        {keeps.value === false
          ? 'This browser keeps nothing for this page: talks, texts and models last until the page is closed.'
          : 'Talks, texts and trained models are kept in this browser only, until you erase them.'}{' '}
        <Erase />
      </p>
    </details>
  );
}

function Row({ talk: one }: { readonly talk: Talk }) {
  return (
    <li>
      <input
        aria-label={`Name of the talk “${one.name}”`}
        value={one.name}
        onChange={({ currentTarget }) => void rename(one, currentTarget.value)}
      />
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

function Erase() {
  const asked = useSignal(false);
  if (!asked.value) {
    return (
      <button type="button" class="small" onClick={() => (asked.value = true)}>
        Erase everything
      </button>
    );
  }
  return (
    <button
      type="button"
      class="small"
      onClick={async () => {
        await eraseAll();
        talks.value = [];
        await newTalk();
        asked.value = false;
      }}
    >
      Really erase all talks, texts and models
    </button>
  );
}
