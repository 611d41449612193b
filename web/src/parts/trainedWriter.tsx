/** Generates with the model that was just trained. */
import { signal } from '@preact/signals';
import type { Client } from '../engine/client.ts';
import { describeSpeed, Generation } from './generation.ts';

const generation = new Generation();
const beginning = signal<string | undefined>(undefined);
const continuation = signal('');

export function TrainedWriter({
  client,
  beginning: suggested,
}: {
  readonly client: Client;
  readonly beginning: string;
}) {
  const running = generation.running.value;
  const prompt = beginning.value ?? suggested;
  const writeTrained = () =>
    generation.run(async (signal) => {
      continuation.value = '';
      const onEvent = (piece: string) => {
        continuation.value += piece;
      };
      const request = { prompt, temperature: 0.7, maxTokens: 150 };
      return describeSpeed(await client.call('writeTrained', request, { onEvent, signal }));
    });
  return (
    <section class="trained-writer" aria-labelledby="trained-writer">
      <h2 id="trained-writer">Let it write</h2>
      <form
        class="line"
        onSubmit={(event) => {
          event.preventDefault();
          if (running) generation.stop();
          else void writeTrained();
        }}
      >
        <input
          aria-label="Beginning"
          value={prompt}
          onInput={({ currentTarget }) => {
            beginning.value = currentTarget.value;
          }}
        />
        <button type="submit" class="main">
          {running ? 'Stop' : 'Write'}
        </button>
      </form>
      {continuation.value && (
        <p class="text" data-testid="trained-text">
          <b>{prompt}</b>
          {continuation.value}
        </p>
      )}
      <p class="status" role="status">
        {generation.status.value}
      </p>
    </section>
  );
}
