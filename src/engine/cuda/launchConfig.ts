/** The driver's description of a launch. */
import type { LaunchShape } from '../../kernels/cuda/launch.ts';
import type { Koffi } from './library.ts';

/**
 * Overlapping: the kernel may begin before the one before it in the stream has ended, and waits for it itself. Cooperative:
 * all its blocks run at the same time, or the driver refuses.
 */
export type LaunchAttribute = keyof typeof kinds;

/** The driver's numbers. */
const kinds = { cooperative: 2, overlapping: 6 } as const;

/** A CUlaunchConfig. It holds the address of its CUlaunchAttribute, which must live as long. */
export interface LaunchConfig {
  readonly bytes: DataView;
  readonly attribute: Uint32Array;
}

export function launchConfig(
  { grid, block, shared = 0 }: LaunchShape & { readonly shared?: number },
  stream: bigint,
  kind: LaunchAttribute | undefined,
  koffi: Koffi,
): LaunchConfig {
  const attribute = new Uint32Array(72 / 4);
  if (kind) attribute.set([kinds[kind], 0, 1]);
  const bytes = new DataView(new ArrayBuffer(56));
  [...grid, block, 1, 1, shared].forEach((value, index) => {
    bytes.setUint32(4 * index, value, true);
  });
  bytes.setBigUint64(32, stream, true);
  bytes.setBigUint64(40, koffi.address(attribute), true);
  bytes.setUint32(48, kind ? 1 : 0, true);
  return { bytes, attribute };
}
