/**
 * Content of the slots of a machine: in `decode` each slot is a sequence of its own, with a state of its own; in `prefill` the
 * slots are consecutive tokens of one sequence, whose state the last slot stores.
 */
export type Mode = 'decode' | 'prefill';
