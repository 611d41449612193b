import type { Plugin } from 'vite';

/** Removes indentation and lines of comments from shaders: they are text in scripts, which no minifier shortens. */
export function shortShaders(): Plugin {
  return {
    name: 'plusminus-short-shaders',
    apply: 'build',
    enforce: 'pre',
    transform: {
      filter: { id: /wgsl|webgpu/i },
      handler: (code) => ({ code: code.replace(/^ *\/\/.*\n/gm, '').replace(/^ +/gm, ''), map: null }),
    },
  };
}
