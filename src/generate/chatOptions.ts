/** Sampling of the bundled chat model where nothing else is asked for: in the app, and where its card is measured. */
import type { GenerateOptions } from './generate.ts';

export const chatOptions = {
  temperature: 0.5,
  topP: 0.95,
  maxTokens: 320,
} as const satisfies GenerateOptions;
