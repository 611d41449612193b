/**
 * Compiles every shader of every kind of model with Dawn, in the forms for tensor cores, f16 and subgroups of 32. No
 * software driver can run these, but Dawn's null backend checks WGSL and pipelines as real backends do.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { create } from 'webgpu';
import { everyModel, programsOf } from '../../../test/everyProgram.ts';
import type { Program } from '../../program/record.ts';
import { assembleProgram } from './assembleProgram.ts';
import { type DeviceFeatures, tileBytes } from './device.ts';
import { deviceKinds } from './deviceKinds.ts';
import { Pipelines } from './pipelines.ts';

/** Never released: Dawn's binding crashes if this is collected before the objects that it made. */
let gpu: GPU;
let device: GPUDevice;
let pipelines: Pipelines;

const matrices = 'chromium-experimental-subgroup-matrix' as GPUFeatureName;

beforeAll(async () => {
  gpu = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia']);
  const adapter = (await gpu.requestAdapter())!;
  const raised = [
    'maxStorageBuffersPerShaderStage',
    'maxComputeWorkgroupStorageSize',
    'maxComputeInvocationsPerWorkgroup',
  ] as const;
  device = await adapter.requestDevice({
    requiredFeatures: ['shader-f16', 'subgroups', matrices],
    requiredLimits: Object.fromEntries(raised.map((name) => [name, adapter.limits[name]])),
  });
  pipelines = new Pipelines(device);
});

/** A shader must be valid WGSL and make a valid pipeline; only this backend's limits, smaller than GPUs', may stop it. */
async function check(name: string, source: string, bindings: number): Promise<void> {
  if (bindings > device.limits.maxStorageBuffersPerShaderStage) {
    const { messages } = await device.createShaderModule({ code: source }).getCompilationInfo();
    expect(
      messages.filter(({ type }) => type === 'error').map(({ message }) => message),
      name,
    ).toEqual([]);
    return;
  }
  try {
    await pipelines.compile(name, source, bindings);
  } catch (error) {
    const [, bytes] = /total use of workgroup storage \((\d+) bytes\)/.exec((error as Error).message) ?? [];
    if (bytes === undefined) throw error;
    expect(Number(bytes), `workgroup memory of ${name}`).toBeLessThanOrEqual(tileBytes);
  }
}

/** Compiles what a device would run, and returns the shaders' names. */
async function compile(recorded: Program, features: DeviceFeatures): Promise<string[]> {
  const list = assembleProgram(recorded, features);
  for (const { dispatch, source, bindings } of list) {
    expect(bindings.length, dispatch.shader).toBeLessThanOrEqual(features.maxBindings);
    await check(dispatch.shader, source, bindings.length);
  }
  return list.map(({ dispatch }) => dispatch.shader);
}

describe.for(Object.entries(deviceKinds))('shaders for %s', ([name, features]) => {
  it.for(everyModel)('compile: %s, %s %j', async ([architecture, mode, form]) => {
    const shaders = new Set<string>();
    for (const program of programsOf(architecture, mode, form))
      for (const shader of await compile(program, features)) shaders.add(shader);
    const onTensorCores = [...shaders].filter((shader) => /OnTensorCores|^half/.test(shader));
    expect(onTensorCores.length > 0, [...shaders].join()).toBe(name === 'tensor cores');
  });
});

it('the null backend refuses what is not WGSL', async () => {
  await expect(
    pipelines.compile('broken', '@compute @workgroup_size(1) fn main() { x = 1; }', 0),
  ).rejects.toThrow(/refused the shader broken: .*unresolved value 'x'/);
});
