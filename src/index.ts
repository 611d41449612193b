/** What the package offers: `import { LanguageModel } from 'plusminus'`. */
export { OutOfMemoryError } from './engine/engine.ts';
export { GpuError, NoGpuError } from './engine/webgpu/errors.ts';
export { BusyError, DisposedError, type ErrorCode, InputError, NumericalError } from './errors.ts';
export { type ChatMessage, type ChatOptions, renderChat } from './generate/chatTemplate.ts';
export type { ResponseFormat } from './generate/constraint/responseFormat.ts';
export type { Finish, FinishReason, GenerateOptions } from './generate/generate.ts';
export type { SamplingOptions } from './generate/samplingOptions.ts';
export type { AppendOptions, Session } from './generate/session.ts';
export { LanguageModel, type LoadOptions, type LoadProgress, type ModelMemory } from './languageModel.ts';
export type { Chat, ChatStart } from './library/chat.ts';
export type { Completion, Usage } from './library/completion.ts';
export type { Prompt } from './library/prompt.ts';
export type { ModelFiles, ModelSource } from './library/source.ts';
export type { MatMulFreeConfig, ModelConfig } from './model/config.ts';
export { MissingPackageError } from './optionalPackages.ts';
export type { Question, TokenScore } from './run/scoring.ts';
export { TextTokenizer } from './text/tokenizer.ts';
