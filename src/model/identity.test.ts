import { describe, expect, it } from 'vitest';
import { architectureNames, namedConfig } from './config.ts';
import { identityOf } from './identity.ts';

describe('the identity of a configuration', () => {
  it('is what saved sessions contain: changing it makes them unreadable', () => {
    expect(identityOf(namedConfig('tiny'))).toEqual(['hgrn_bit', 'released', 1e-6]);
    expect(identityOf(namedConfig('tiny', { variant: 'paper' }))).toEqual(['hgrn_bit', 'paper', 1e-6]);
    expect(identityOf(namedConfig('tiny', { architecture: 'rwkv' }))).toEqual(['rwkv_bit', 1e-6]);
    const llama = namedConfig('tiny', { architecture: 'llama' });
    expect(identityOf(llama)).toEqual(['llama', llama.heads, llama.rope, llama.projections, 'silu', 1e-6]);
  });

  it('differs for every architecture', () => {
    const all = architectureNames.map((architecture) => identityOf(namedConfig('tiny', { architecture })));
    expect(new Set(all.map((one) => JSON.stringify(one))).size).toBe(architectureNames.length);
  });

  it('differs by what computes other results from the same tensors, and by nothing else', () => {
    const config = namedConfig('tiny', { architecture: 'llama' });
    const other = [
      { rope: { ...config.rope, theta: 5e5 } },
      { activation: 'relu2' },
      { rmsNormEps: 1e-5 },
    ] as const;
    for (const change of other) expect(identityOf({ ...config, ...change })).not.toEqual(identityOf(config));
    const same = { bosTokenId: 7, eosTokenId: [8], initializerRange: 0.5, maxPositionEmbeddings: 9 };
    expect(identityOf({ ...config, ...same })).toEqual(identityOf(config));
  });
});
