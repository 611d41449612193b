/** Text that grows: what is there already stays the same nodes, so that a selection in it survives. */
import { useLayoutEffect, useRef } from 'preact/hooks';

export function Growing({ text }: { readonly text: string }) {
  const place = useRef<HTMLSpanElement>(null);
  useLayoutEffect(() => {
    const node = place.current!;
    const shown = node.textContent ?? '';
    if (node.firstChild instanceof Text && text.startsWith(shown)) {
      if (text.length > shown.length) node.firstChild.appendData(text.slice(shown.length));
    } else node.textContent = text;
  }, [text]);
  return <span ref={place} />;
}
