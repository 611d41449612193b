/** Stands in for the tokenizer of a model without one: the model then reads and writes token ids. */
import { InputError } from '../errors.ts';
import type { ModelConfig } from '../model/config.ts';
import type { GenerationTokenizer } from './generate.ts';

export class NoTokenizer implements GenerationTokenizer {
  readonly bosTokenId: number | undefined;
  readonly eosTokenId: number | undefined;
  readonly endTokenIds: readonly number[];

  constructor({ bosTokenId, eosTokenId }: ModelConfig) {
    this.bosTokenId = bosTokenId ?? undefined;
    this.endTokenIds = [eosTokenId ?? []].flat();
    this.eosTokenId = this.endTokenIds[0];
  }

  encode(): number[] {
    throw new InputError(
      'this model has no tokenizer: put its tokenizer.json (and tokenizer_config.json) into the model folder, ' +
        'or give token ids instead of text',
    );
  }

  /** Yields no text; `onToken` reports the ids. */
  stream() {
    return { push: () => '' };
  }

  tokenId(): undefined {
    return undefined;
  }

  isSpecial(): boolean {
    return false;
  }
}
