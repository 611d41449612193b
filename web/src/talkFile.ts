/** A talk as Markdown, and back: what is exported can be read by people, and opened by a page like this. */
import type { Talk } from './talk.ts';

type Written = Pick<Talk, 'name' | 'model' | 'turns'>;

export function asMarkdown({ name, model, turns }: Written): string {
  const lines = turns.map(({ who, text }) => `**${who === 'you' ? 'You' : model}:** ${text}`);
  return `# ${name || 'Talk'}\n\n${lines.join('\n\n')}\n`;
}

/** @returns undefined if the text is no exported talk */
export function talkIn(markdown: string): Written | undefined {
  const [, name, rest] = /^# ([^\n]*)\n\n(\*\*You:\*\* .*)$/s.exec(markdown.replaceAll('\r\n', '\n')) ?? [];
  if (name === undefined || rest === undefined) return undefined;
  const model = /\n\n\*\*(?!You:)([^*\n]+):\*\* /.exec(rest)?.[1] ?? '';
  const speakers = new Map([
    [`**You:** `, 'you'],
    [`**${model}:** `, 'model'],
  ] as const);
  const turns = rest.split(/\n\n(?=\*\*)/).reduce<{ who: 'you' | 'model'; text: string }[]>((found, part) => {
    const [mark, who] = [...speakers].find(([mark]) => part.startsWith(mark)) ?? [];
    const last = found.at(-1);
    // What follows in bold belongs to the answer; speakers take turns.
    if (mark === undefined || who === undefined || last?.who === who) {
      if (last) last.text += `\n\n${part}`;
    } else found.push({ who, text: part.slice(mark.length) });
    return found;
  }, []);
  const final = turns.at(-1);
  if (final) final.text = final.text.replace(/\n$/, '');
  return { name, model, turns };
}
