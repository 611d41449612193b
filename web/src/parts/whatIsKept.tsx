/** Says what the page keeps, and erases it. */
import { useSignal } from '@preact/signals';
import { eraseAll, keeps } from '../keep.ts';
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
  const asked = useSignal(false);
  if (!asked.value) {
    return (
      <button
        type="button"
        class="small"
        onClick={() => {
          asked.value = true;
        }}
      >
        Erase everything
      </button>
    );
  }
  return (
    <button
      type="button"
      class="small"
      onClick={async () => {
        await eraseAll();
        talks.value = [];
        await newTalk();
        forgetTexts();
        await listTrained();
        asked.value = false;
      }}
    >
      Really erase all talks, texts and models
    </button>
  );
}
