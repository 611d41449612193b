/** What the package offers: `import { LanguageModel } from 'plusminus'`. */
export { OutOfMemoryError } from './engine/engine.ts';
export { InputError } from './errors.ts';
export { type ChatMessage, type ChatOptions, renderChat } from './generate/chatTemplate.ts';
export type { Finish, FinishReason, GenerateOptions } from './generate/generate.ts';
export type { SamplingOptions } from './generate/samplingOptions.ts';
export type { AppendOptions, Session } from './generate/session.ts';
export { LanguageModel, type LoadOptions, type LoadProgress, type ModelMemory } from './languageModel.ts';
export type { MatMulFreeConfig, ModelConfig } from './model/config.ts';
export type { Question, TokenScore } from './model/scoring.ts';
export { TextTokenizer } from './text/tokenizer.ts';
