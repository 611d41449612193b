/** Adapters, such as PEFT's LoRA: changes to the weights of a base model, not a model themselves. */
import { join } from '#platform';
import { InputError } from '../errors.ts';
import { readJsonFile } from '../files.ts';
import { show } from '../json.ts';

export const adapterConfig = 'adapter_config.json';
const remedy = 'merge it into its base model with PEFT (merge_and_unload) and save the result';

/** @throws InputError if the folder holds an adapter */
export async function refuseAdapter(folder: string): Promise<void> {
  const config = await readJsonFile(join(folder, adapterConfig), 4_000_000);
  if (config === undefined) return;
  const { peft_type: type, base_model_name_or_path: base } = config;
  const kind = typeof type === 'string' ? `${show(type).slice(1, -1)} ` : '';
  const of = typeof base === 'string' ? ` for the base model ${show(base)}` : '';
  throw new InputError(`${folder}: found a ${kind}adapter${of}, expected a whole model; ${remedy}`);
}

/** @throws InputError if one of the tensors belongs to an adapter */
export function refuseAdapterTensors(path: string, names: Iterable<string>): void {
  for (const name of names) {
    if (!/^base_model\.model\.|\.lora_(A|B|embedding_A|embedding_B)(\.|$)/.test(name)) continue;
    throw new InputError(
      `${path}: found tensor ${show(name)} of an adapter, expected the weights of a whole model; ${remedy}`,
    );
  }
}
