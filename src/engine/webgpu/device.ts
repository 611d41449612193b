/** Opens a device and finds out its features. */
import { findGpu } from '#platform';
import type { GpuFeatures } from '../../kernels/webgpu/dispatch.ts';
import { GpuError, NoGpuError, remedy } from './errors.ts';

export interface DeviceFeatures extends GpuFeatures {
  /** `dot4I8Packed` is in the language; otherwise the prelude defines it. */
  readonly packedDot: boolean;
  readonly halfFloats: boolean;
  /** The device can measure times. */
  readonly timestamps: boolean;
}

export interface OpenDevice {
  readonly device: GPUDevice;
  readonly features: DeviceFeatures;
  /** For display: vendor and model. */
  readonly description: string;
}

/** Limits that are raised from WebGPU's defaults to what the adapter has. */
const raisedLimits = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
] as const;

/** Chromium's experiment that gives shaders tensor cores; not yet in the standard, hence not in the types. */
const matrices = 'chromium-experimental-subgroup-matrix' as GPUFeatureName;

/** Maximum workgroup memory for the tiles of kernels on tensor cores. */
export const tileBytes = 35_328;

const optionalFeatures: readonly GPUFeatureName[] = ['shader-f16', 'subgroups', 'timestamp-query', matrices];

export async function openDevice(given?: GPU): Promise<OpenDevice> {
  const gpu = given ?? (await findGpu());
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) {
    throw new NoGpuError(
      `WebGPU found no adapter: is there a GPU, and is its driver installed? Or ${remedy}`,
    );
  }
  const wanted = {
    requiredLimits: Object.fromEntries(raisedLimits.map((name) => [name, adapter.limits[name]])),
    requiredFeatures: optionalFeatures.filter((name) => adapter.features.has(name)),
  };
  const device = await adapter.requestDevice(wanted).catch((cause: Error) => {
    throw new GpuError(
      `the GPU gives no device: ${cause.message}; is it in use, or its memory full? Or ${remedy}`,
      {
        cause,
      },
    );
  });
  const tensorCores =
    device.features.has(matrices) && device.limits.maxComputeWorkgroupStorageSize >= tileBytes;
  const { vendor, architecture, description } = adapter.info;
  return {
    device,
    features: {
      packedDot: gpu.wgslLanguageFeatures.has('packed_4x8_integer_dot_product'),
      halfFloats: device.features.has('shader-f16'),
      subgroupSize: device.features.has('subgroups') ? subgroupSize(adapter.info) : undefined,
      int8Matrices: tensorCores && hasMatrices(adapter.info, 'i8', 'i32', 32),
      halfMatrices:
        tensorCores && device.features.has('shader-f16') && hasMatrices(adapter.info, 'f16', 'f32', 16),
      maxBindings: device.limits.maxStorageBuffersPerShaderStage,
      timestamps: device.features.has('timestamp-query'),
    },
    description: description || [vendor, architecture].filter(Boolean).join(' ') || 'unnamed adapter',
  };
}

interface MatrixInfo {
  readonly subgroupMinSize?: number;
  readonly subgroupMaxSize?: number;
  readonly subgroupMatrixConfigs?: readonly {
    readonly componentType: string;
    readonly resultComponentType: string;
    readonly M: number;
    readonly N: number;
    readonly K: number;
  }[];
}

function subgroupSize({ subgroupMinSize, subgroupMaxSize }: MatrixInfo): number | undefined {
  return subgroupMinSize === subgroupMaxSize ? subgroupMinSize : undefined;
}

/** Whether subgroups of 32 multiply matrices of 16 × 16 × K in these types. */
function hasMatrices(info: MatrixInfo, from: string, to: string, depth: number): boolean {
  if (subgroupSize(info) !== 32) return false;
  return (info.subgroupMatrixConfigs ?? []).some(
    ({ componentType, resultComponentType, M, N, K }) =>
      componentType === from && resultComponentType === to && M === 16 && N === 16 && K === depth,
  );
}
