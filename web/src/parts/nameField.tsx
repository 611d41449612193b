/** The name of something that this browser keeps. */

export interface NameFieldProps {
  /** What it names: “talk”, “text”, “model”. */
  readonly of: string;
  readonly name: string;
  readonly onRename: (name: string) => Promise<void>;
}

export function NameField({ of, name, onRename }: NameFieldProps) {
  return (
    <input
      aria-label={`Name of the ${of} “${name}”`}
      defaultValue={name} // a value would discard what is being typed whenever the shelf is drawn again
      onChange={({ currentTarget }) => {
        const changed = currentTarget.value.trim();
        if (changed !== '') void onRename(changed);
        else currentTarget.value = name;
      }}
    />
  );
}
