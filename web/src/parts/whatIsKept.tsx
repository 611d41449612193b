/** Says what the page keeps, and erases it. */
import { useSignal } from '@preact/signals';
import { eraseAll, keeps } from '../keep.ts';
import { checkKept } from '../store.ts';
import { newTalk, talks } from '../talk.ts';
import { forgetTexts } from '../texts.ts';
import { listTrained } from '../trained.ts';

export function WhatIsKept() {
  return (
    <>
      {keeps.value === false
        ? 'This browser keeps nothing for this page: talks, texts and models last until the page is closed.'
        : 'Talks, texts and trained models are kept in this browser only, until you erase them.'}{' '}
      <Erase />
    </>
  );
}

function Erase() {
  const state = useSignal<'kept' | 'asked' | 'erasing' | 'erased'>('kept');
  const isAsked = state.value === 'asked';
  const erase = async () => {
    state.value = 'erasing';
    newTalk();
    forgetTexts();
    talks.value = [];
    await eraseAll();
    await checkKept();
    await listTrained();
    state.value = 'erased';
  };
  return (
    <>
      <button
        type="button"
        class="small"
        disabled={state.value === 'erasing'}
        onClick={() => {
          if (isAsked) void erase();
          else state.value = 'asked';
        }}
      >
        {isAsked ? 'Really erase all talks, texts and models' : 'Erase everything'}
      </button>
      <span role="status">{state.value === 'erased' ? ' Everything is erased.' : ''}</span>
    </>
  );
}
