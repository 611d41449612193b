/**
 * The GPUs of this host in the order in which Vulkan lists them, which is the order in which WebGPU takes them: read
 * through koffi, because WebGPU itself does not tell two cards of one kind apart.
 */
import type { LibraryHandle } from 'koffi';

export interface VulkanGpu {
  readonly name: string;
  readonly kind: 'discrete' | 'integrated' | 'other';
  /** Its place on the PCI bus, such as `0000:41:00.0`; absent where the driver does not tell. */
  readonly address?: string;
}

/** Of structures that the standard fixes: their kinds, sizes and the offsets of what is used (64-bit machines). */
const application = { type: 0, bytes: 48, version: 44 };
const instanceInfo = { type: 1, bytes: 64, application: 24 };
const properties = { type: 1_000_059_001, bytes: 1024, next: 8, kind: 32, name: 36, nameBytes: 256 };
const extension = { bytes: 260, nameBytes: 256 };
const pciBus = { extension: 'VK_EXT_pci_bus_info', type: 1_000_212_000, bytes: 32, domain: 16 };

/** The first Vulkan whose core has `vkGetPhysicalDeviceProperties2`. */
const version1_1 = (1 << 22) | (1 << 12);

const kinds = ['other', 'integrated', 'discrete', 'other', 'other'] as const;

/** Lists GPUs through Vulkan with the current environment. Empty without a loader, a driver or koffi. */
export async function listGpus(): Promise<readonly VulkanGpu[]> {
  try {
    const { default: koffi } = await import('koffi');
    const library = koffi.load(process.platform === 'darwin' ? 'libvulkan.1.dylib' : 'libvulkan.so.1');
    return read(library, (array) => koffi.address(array));
  } catch {
    return [];
  }
}

function read(library: LibraryHandle, address: (array: ArrayBufferView) => bigint): VulkanGpu[] {
  const functionOf = (name: string, result: string, parameters: string[]) =>
    library.func(name, result, parameters) as (...args: unknown[]) => number;
  const create = functionOf('vkCreateInstance', 'int', ['void *', 'void *', 'void *']);
  const destroy = functionOf('vkDestroyInstance', 'void', ['void *', 'void *']);
  const enumerate = functionOf('vkEnumeratePhysicalDevices', 'int', ['void *', 'void *', 'void *']);
  const listExtensions = functionOf('vkEnumerateDeviceExtensionProperties', 'int', [
    ...Array(4).fill('void *'),
  ]);
  const describe = functionOf('vkGetPhysicalDeviceProperties2', 'void', ['void *', 'void *']);

  const extensionsOf = (device: bigint) => {
    const count = new Uint32Array(1);
    if (listExtensions(device, 0n, count, 0n) !== 0) return [];
    const names = new Uint8Array(count[0]! * extension.bytes);
    if (listExtensions(device, 0n, count, names) !== 0) return [];
    return Array.from({ length: count[0]! }, (_, index) =>
      text(names.subarray(index * extension.bytes).subarray(0, extension.nameBytes)),
    );
  };

  const about = structure(application);
  about.setUint32(application.version, version1_1, true);
  const info = structure(instanceInfo);
  info.setBigUint64(instanceInfo.application, address(about), true);
  const instance = new BigUint64Array(1);
  if (create(info, 0n, instance) !== 0) return [];
  try {
    const count = new Uint32Array(1);
    if (enumerate(instance[0], count, 0n) !== 0) return [];
    const devices = new BigUint64Array(count[0]!);
    if (enumerate(instance[0], count, devices) !== 0) return [];
    return Array.from(devices.subarray(0, count[0]), (device) => {
      const bus = extensionsOf(device).includes(pciBus.extension) ? structure(pciBus) : undefined;
      const found = structure(properties);
      found.setBigUint64(properties.next, bus ? address(bus) : 0n, true);
      describe(device, found);
      return gpuOf(found, bus);
    });
  } finally {
    destroy(instance[0], 0n);
  }
}

function structure({ type, bytes }: { readonly type: number; readonly bytes: number }): DataView {
  const view = new DataView(new ArrayBuffer(bytes));
  view.setUint32(0, type, true);
  return view;
}

function gpuOf(found: DataView, bus: DataView | undefined): VulkanGpu {
  const name = text(new Uint8Array(found.buffer, properties.name, properties.nameBytes));
  const kind = kinds[found.getUint32(properties.kind, true)] ?? 'other';
  return { name, kind, ...(bus ? { address: addressOn(bus) } : {}) };
}

function addressOn(bus: DataView): string {
  const hex = (word: number, digits: number) =>
    bus
      .getUint32(pciBus.domain + 4 * word, true)
      .toString(16)
      .padStart(digits, '0');
  return `${hex(0, 4)}:${hex(1, 2)}:${hex(2, 2)}.${hex(3, 1)}`;
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
}
