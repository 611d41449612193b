/** Chromium as the tests use it. */
import { type Browser, chromium } from 'playwright-core';

/** @param gpu WebGPU through a driver in software */
export function openBrowser({ gpu = false }: { gpu?: boolean } = {}): Promise<Browser> {
  const webgpu = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', '--enable-features=Vulkan'];
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', ...(gpu ? webgpu : [])],
  });
}
