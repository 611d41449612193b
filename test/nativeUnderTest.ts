/** Native kernels of the CPU engine in tests, also for programs that tests start. */
import { nativeVariants } from '../src/platform/nativeLibrary.ts';

/** Variants that this processor has, the fastest last. */
export const nativeUnderTest = nativeVariants().map(({ variant }) => variant);

/** The fastest of them that keeps all bits, or false if there is none: AMX rounds gradients to bf16. */
export const exactNative = nativeUnderTest.findLast((variant) => variant !== 'AMX') ?? false;
