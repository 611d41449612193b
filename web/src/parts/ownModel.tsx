/** A model by name or address, or from the reader's disk. */
import { useSignal } from '@preact/signals';
import { loading, open, trouble } from '../store.ts';
import { isModelFile, openModelFile } from '../trained.ts';

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
        over.value = false;
        void droppedFiles(event.dataTransfer!).then(openFiles);
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

async function openFiles(files: readonly File[]): Promise<void> {
  const handedOn = files.find(isModelFile);
  if (!handedOn) return open(modelFilesOf(files));
  trouble.value = undefined;
  await openModelFile(handedOn).catch((error: Error) => {
    trouble.value = { message: error.message.replace(/\.$/, ''), retry: () => openFiles(files) };
  });
}

/** Files of a model's folder; others in it, such as pictures, are left out. */
function modelFilesOf(files: readonly File[]): readonly File[] {
  return files.filter(({ name }) => /\.(gguf|json|safetensors|jinja|model)$/i.test(name));
}

/** The files of a drop, with those of a folder. */
async function droppedFiles({ items, files }: DataTransfer): Promise<File[]> {
  const entries = [...items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  if (entries.length === 0) return [...files];
  return (await Promise.all(entries.map(filesIn))).flat();
}

async function filesIn(entry: FileSystemEntry): Promise<File[]> {
  if (entry.isFile)
    return [
      await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject)),
    ];
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: FileSystemEntry[] = [];
  for (;;) {
    // A reader gives some entries at a time, and none at the end.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (some.length === 0) break;
    found.push(...some);
  }
  // Of the folder itself only: a model has no folders within.
  return (await Promise.all(found.filter(({ isFile }) => isFile).map(filesIn))).flat();
}
