/** For tests that need all bits, also in programs that tests start. */
import { nativeVariants } from '../src/platform/nativeLibrary.ts';

/** The fastest native kernels of the CPU that keep all bits, false if there are none: AMX rounds gradients to bf16. */
export function exactNative(): string | false {
  const names = nativeVariants().map(({ variant }) => variant);
  return names.findLast((variant) => variant !== 'AMX') ?? false;
}
