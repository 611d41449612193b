/** Compiled shaders, by their complete source. */
import { GpuError, remedy } from './errors.ts';

export class Pipelines {
  readonly #device: GPUDevice;
  readonly #compiled = new Map<string, Promise<GPUComputePipeline>>();
  readonly #layouts = new Map<number, GPUBindGroupLayout>();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** The pipeline of a shader with `tensors` bound tensors. */
  compile(name: string, source: string, tensors: number): Promise<GPUComputePipeline> {
    let pipeline = this.#compiled.get(source);
    if (!pipeline) {
      pipeline = this.#compile(name, source, tensors);
      pipeline.catch(() => {}); // reported when the program runs
      this.#compiled.set(source, pipeline);
    }
    return pipeline;
  }

  /** Binding 0: numbers. Bindings 1 and up: tensors, all writable, since one buffer holds many of them. */
  layout(tensors: number): GPUBindGroupLayout {
    let layout = this.#layouts.get(tensors);
    if (!layout) {
      const entry = (binding: number): GPUBindGroupLayoutEntry => ({
        binding,
        visibility: 4, // compute
        buffer: { type: binding === 0 ? 'uniform' : 'storage' },
      });
      layout = this.#device.createBindGroupLayout({
        entries: Array.from({ length: tensors + 1 }, (_, binding) => entry(binding)),
      });
      this.#layouts.set(tensors, layout);
    }
    return layout;
  }

  async #compile(name: string, source: string, tensors: number): Promise<GPUComputePipeline> {
    this.#device.pushErrorScope('validation');
    const module = this.#device.createShaderModule({ label: name, code: source });
    const refused = this.#device.popErrorScope();
    const layout = this.#device.createPipelineLayout({ bindGroupLayouts: [this.layout(tensors)] });
    const compiling = this.#device.createComputePipelineAsync({
      label: name,
      layout,
      compute: { module, entryPoint: 'main' },
    });
    try {
      const [pipeline] = await Promise.all([compiling, refused]);
      return pipeline;
    } catch (cause) {
      const { messages } = await module.getCompilationInfo();
      const lines = messages.map(
        ({ type, lineNum, linePos, message }) => `${type}, line ${lineNum}:${linePos}: ${message}`,
      );
      const details = lines.length ? lines.join('; ') : String((cause as Error).message);
      throw new GpuError(`the driver refused the shader ${name}: ${details}; ${remedy}`, { cause });
    }
  }
}
