/** Writes rtl/generated: the instruction set's constants and the tables, from src/accelerator. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { rtlConstants } from '../src/accelerator/rtlConstants.ts';

const folder = new URL('../rtl/generated/', import.meta.url);
mkdirSync(folder, { recursive: true });
for (const [name, content] of rtlConstants()) writeFileSync(new URL(name, folder), content);
