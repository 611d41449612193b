/**
 * Models that nobody disposed. Their threads and memory are outside the garbage collector's reach, so a development
 * server that reloads modules would gather them. When a model itself is collected, its engine is disposed of.
 */

interface Disposable {
  dispose(): Promise<void>;
}

const forgotten = new FinalizationRegistry<Disposable>((engine) => {
  engine.dispose().then(
    () =>
      console.warn(
        'plusminus: a model was garbage-collected; call dispose() to free its threads and memory sooner',
      ),
    () => {},
  );
});

/** Disposes of `engine` if `model` is collected before `stopWatching`. The engine must not refer to the model. */
export function watchForDisposal(model: object, engine: Disposable): void {
  forgotten.register(model, engine, model);
}

export function stopWatching(model: object): void {
  forgotten.unregister(model);
}
