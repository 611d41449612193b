/** Operations, counted from the recorded program. */
import { formatCount } from '../../../src/format.ts';
import type { Anatomy } from '../engine/protocol.ts';

export function Costs({
  body: { total, transformer, rows },
  tokens,
}: {
  readonly body: Anatomy;
  readonly tokens: number;
}) {
  const count = Math.max(1, tokens);
  return (
    <>
      <dl class="figures">
        <div>
          <dt>Multiplications in matrix products</dt>
          <dd data-testid="products">{formatCount(total.productMultiplications * count)}</dd>
        </div>
        <div>
          <dt>Additions and subtractions</dt>
          <dd>{formatCount(total.additions * count)}</dd>
        </div>
        <div>
          <dt>Other multiplications</dt>
          <dd>{formatCount(total.multiplications * count)}</dd>
        </div>
      </dl>
      <p class="quiet">
        {tokens > 1 ? `In ${tokens} tokens.` : 'For one token.'} A transformer of the same shape would
        multiply {formatCount(transformer.productMultiplications * count)} times in its matrix products alone.
        What is multiplied here are norms, gates and scales, number by number.
      </p>
      <details>
        <summary>By kind of operation, for one token</summary>
        <div class="scroll">
          <table>
            <thead>
              <tr>
                <th scope="col">Operation</th>
                <th scope="col">Calls</th>
                <th scope="col">+ −</th>
                <th scope="col">×</th>
                <th scope="col">× in products</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <tr key={row.op}>
                  <th scope="row">{row.op}</th>
                  <td>{row.calls}</td>
                  <td>{formatCount(row.additions)}</td>
                  <td>{formatCount(row.multiplications)}</td>
                  <td>{formatCount(row.productMultiplications)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </>
  );
}
