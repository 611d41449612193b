/** A kernel's launch with its arguments lying ready: to start it is one call of the driver. */
import type { LaunchShape } from '../../kernels/cuda/launch.ts';
import type { DriverLibrary } from './driver.ts';
import { type LaunchAttribute, launchConfig } from './launchConfig.ts';
import type { Koffi } from './library.ts';

/** Where launches go. */
export interface LaunchQueue {
  readonly koffi: Koffi;
  readonly driver: DriverLibrary;
  readonly stream: { readonly handle: bigint };
}

/**
 * @param kernel a function of the driver
 * @param words the arguments, each of one word or several; narrower ones are in a word's lower half
 * @returns a function that starts the kernel, as often as it is called
 */
export function starter(
  { koffi, driver, stream }: LaunchQueue,
  kernel: bigint,
  words: readonly (readonly bigint[])[],
  shape: LaunchShape & { readonly shared?: number },
  attribute?: LaunchAttribute,
): () => void {
  const values = BigUint64Array.from(words.flat());
  let place = koffi.address(values);
  const pointers = BigUint64Array.from(words, ({ length }) => {
    const at = place;
    place += BigInt(8 * length);
    return at;
  });
  const parameters = values.length ? pointers : null;
  const config = launchConfig(shape, stream.handle, attribute, koffi);
  const held = [values, config.attribute];
  return () => {
    const status = driver.statusHolding(
      held,
      ...(['cuLaunchKernelEx', config.bytes, kernel, parameters, null] as const),
    );
    driver.check('cuLaunchKernelEx', status);
  };
}
