/** What a drop holds. Its entries must be taken while the event lasts; their files can be read later. */

export type Dropped = FileSystemEntry | File;

export function entriesIn({ items, files }: DataTransfer): Dropped[] {
  const entries = [...items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  return entries.length > 0 ? entries : [...files];
}

/** The files, with those of a folder. */
export async function filesOf(dropped: readonly Dropped[]): Promise<File[]> {
  return (await Promise.all(dropped.map((one) => (one instanceof File ? [one] : filesIn(one))))).flat();
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
