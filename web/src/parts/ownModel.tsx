/** A model by name or address, or from the reader's disk. */
import { useSignal } from '@preact/signals';
import { openFiles } from '../dropped.ts';
import { entriesIn, filesOf } from '../entries.ts';
import { loading, open } from '../store.ts';

export function OwnModel() {
  return (
    <section aria-labelledby="own">
      <h2 id="own">One of your own</h2>
      <ByName />
      <FromDisk />
    </section>
  );
}

function ByName() {
  const address = useSignal('');
  return (
    <form
      class="line"
      onSubmit={(event) => {
        event.preventDefault();
        if (address.value.trim()) void open(address.value.trim());
      }}
    >
      <input
        aria-label="Name or address of a model"
        placeholder="owner/name, owner/name:file.gguf, or an address"
        value={address.value}
        onInput={({ currentTarget }) => {
          address.value = currentTarget.value;
        }}
      />
      <button type="submit" disabled={loading.value !== undefined}>
        Open
      </button>
    </form>
  );
}

function FromDisk() {
  const over = useSignal(false);
  const choose = ({ currentTarget }: { readonly currentTarget: HTMLInputElement }) => {
    const files = [...(currentTarget.files ?? [])];
    currentTarget.value = ''; // the same file may be chosen again
    if (files.length > 0) void openFiles(files);
  };
  return (
    <fieldset
      class={over.value ? 'drop over' : 'drop'}
      onDragOver={(event) => {
        event.preventDefault();
        over.value = true;
      }}
      onDragLeave={() => {
        over.value = false;
      }}
      onDrop={(event) => {
        event.preventDefault();
        event.stopPropagation(); // the page takes what is dropped elsewhere
        over.value = false;
        void filesOf(entriesIn(event.dataTransfer!)).then(openFiles);
      }}
    >
      <legend class="unseen">From your disk</legend>
      <p>
        From your disk: a <code>.tar</code> that a page like this saved, a <code>.gguf</code> file, or the
        folder or files of a model (<code>config.json</code>, <code>model.safetensors</code>,{' '}
        <code>tokenizer.json</code>). Drop it here, or choose it. A <code>.tar</code> is kept in this browser,
        the others are read where they are; nothing is sent.
      </p>
      <label class="file">
        Choose files <input class="unseen" type="file" multiple onChange={choose} />
      </label>{' '}
      <label class="file">
        Choose a folder <input class="unseen" type="file" {...{ webkitdirectory: true }} onChange={choose} />
      </label>
    </fieldset>
  );
}
