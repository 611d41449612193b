/** `plusminus logits`: writes the exact logits of given tokens to a file, for other programs to compare. */
import { Command } from 'commander';
import { writeSafetensors } from '../checkpoint/writeSafetensors.ts';
import { bytesOf } from '../engine/engine.ts';
import { NumericalError } from '../errors.ts';
import { withModel } from './openModel.ts';
import { addModelOptions, type ModelOptions, tokenList } from './options.ts';
import { writeJson } from './output.ts';
import { checkOutputFiles } from './outputFile.ts';

const examples = `
Example:
  $ plusminus logits --model runs/demo --tokens 1,415,2936 --out logits.safetensors`;

interface Flags extends ModelOptions {
  readonly tokens: readonly number[];
  readonly out: string;
}

export function logitsCommand(): Command {
  const command = new Command('logits').description(
    'Write the logits of a sequence of tokens: tensor "logits" [tokens, vocabulary], f32, in safetensors.',
  );
  return addModelOptions(command)
    .requiredOption('--tokens <ids>', 'token ids separated by commas', tokenList)
    .requiredOption('--out <file>', 'the .safetensors file to write')
    .addHelpText('after', examples)
    .action((flags: Flags) => writeLogits(flags));
}

async function writeLogits(flags: Flags): Promise<void> {
  const { tokens, out, json, quiet } = flags;
  await checkOutputFiles({ '--out': out });
  await withModel(flags, async (model, signal, source) => {
    const { logits } = await model.forward(tokens, { signal });
    if (!logits.every(Number.isFinite)) {
      throw new NumericalError(
        `${source}: logits contain NaN or Infinity; the model's weights may be damaged`,
      );
    }
    const shape = [tokens.length, model.config.vocabSize];
    await writeSafetensors(out, [{ name: 'logits', dtype: 'F32', shape, chunks: () => [bytesOf(logits)] }]);
    if (json) await writeJson({ model: source, tokens, shape, out });
    else if (!quiet) console.error(`${out}: logits [${shape.join(', ')}], f32`);
  });
}
