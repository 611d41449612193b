/** The few forms of Markdown that answers contain: code, lists, bold. Everything else stays text. */
import type { ComponentChildren } from 'preact';

type Block =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'code'; readonly text: string }
  | { readonly kind: 'list'; readonly ordered: boolean; readonly items: readonly string[] };

const item = /^\s*(?:[-*]|(\d+)[.)])\s+(.*)$/;

/** Whether a text looks different when it is rendered. */
export function isMarkdown(text: string): boolean {
  return /```|`[^`\n]+`|\*\*[^*\n]+\*\*|^\s*([-*]|\d+[.)])\s+\S/m.test(text);
}

export function blocksOf(text: string): Block[] {
  const blocks: Block[] = [];
  for (const [k, part] of text.split(/^```[^\n]*\n?/m).entries()) {
    if (k % 2 === 1) blocks.push({ kind: 'code', text: part.replace(/\n$/, '') });
    else blocks.push(...plainBlocks(part));
  }
  return blocks;
}

function plainBlocks(text: string): Block[] {
  const blocks: Block[] = [];
  let lines: string[] = [];
  let items: string[] = [];
  let ordered = false;
  const endText = () => {
    const whole = lines.join('\n').trim();
    if (whole) blocks.push({ kind: 'text', text: whole });
    lines = [];
  };
  const endList = () => {
    if (items.length > 0) blocks.push({ kind: 'list', ordered, items });
    items = [];
  };
  for (const line of text.split('\n')) {
    const found = item.exec(line);
    if (!found) {
      endList();
      lines.push(line);
      continue;
    }
    endText();
    const isOrdered = found[1] !== undefined;
    if (isOrdered !== ordered) endList();
    ordered = isOrdered;
    items.push(found[2]!);
  }
  endText();
  endList();
  return blocks;
}

export function Markdown({ text }: { readonly text: string }) {
  return (
    <>
      {blocksOf(text).map((block, k) => {
        if (block.kind === 'code') {
          return (
            <pre key={k} dir="ltr">
              <code>{block.text}</code>
            </pre>
          );
        }
        if (block.kind === 'text') return <p key={k}>{inline(block.text)}</p>;
        const items = block.items.map((each, n) => <li key={n}>{inline(each)}</li>);
        return block.ordered ? <ol key={k}>{items}</ol> : <ul key={k}>{items}</ul>;
      })}
    </>
  );
}

function inline(text: string): ComponentChildren {
  return text.split(/(`[^`\n]+`|\*\*[^*\n]+\*\*)/).map((part, k) => {
    if (k % 2 === 0) return part;
    return part.startsWith('`') ? (
      <code key={k}>{part.slice(1, -1)}</code>
    ) : (
      <b key={k}>{part.slice(2, -2)}</b>
    );
  });
}
